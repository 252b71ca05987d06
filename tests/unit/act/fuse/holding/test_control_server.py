"""Who asks a watch is answered; whatever else comes over the socket does no harm."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding import control_client
from ebpftrace.act.fuse.holding.control_client import NoAnswerError, ThawReply, ask_to_thaw
from ebpftrace.act.fuse.holding.control_server import ControlServer, ThawRequest, remove_stale
from ebpftrace.errors import EbpftraceError


@contextmanager
def answering(folder: Path, answer: Callable[[ThawRequest], None]) -> Iterator[Path]:
    """A watch that answers the next request; its socket."""
    control = ControlServer(folder)

    def work() -> None:
        while True:
            for request in control.requests():
                answer(request)
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield folder / f"{os.getpid()}.sock"
    thread.join(30)
    control.close()


def test_who_asks_hears_what_was_thawed(tmp_path: Path) -> None:
    asked = []

    def answer(request: ThawRequest) -> None:
        asked.append(request.pid)
        request.reply([f"{request.pid} goes on"])

    with answering(tmp_path, answer) as path:
        assert ask_to_thaw(path, 4711) == ThawReply(("4711 goes on",), 0)
    with answering(tmp_path, answer) as path:
        assert ask_to_thaw(path, None).thawed == ("None goes on",)
    assert asked == [4711, None]
    assert not path.exists()


def test_an_answer_that_is_too_long_says_how_much_is_missing(tmp_path: Path) -> None:
    with answering(tmp_path, lambda request: request.reply(["x" * 250] * 4096)) as path:
        answer = ask_to_thaw(path, None)
    assert len(answer.thawed) + answer.more == 4096
    assert len(answer.thawed) > 200


def test_an_answer_is_cleaned_like_all_that_comes_from_outside(tmp_path: Path) -> None:
    with answering(tmp_path, lambda request: request.reply(["\x1b[31mred"])) as path:
        assert ask_to_thaw(path, None).thawed == ("\\x1b[31mred",)


def test_a_request_that_is_dropped_is_heard_of(tmp_path: Path) -> None:
    with (
        answering(tmp_path, lambda request: request._answer.close()) as path,
        pytest.raises(NoAnswerError, match="ended"),
    ):
        ask_to_thaw(path, 1)


def test_a_watch_that_does_not_look_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_client, "ANSWER_SECONDS", 0.1)
    control = ControlServer(tmp_path)
    with pytest.raises(NoAnswerError, match="said nothing"):
        ask_to_thaw(tmp_path / f"{os.getpid()}.sock", 1)
    control.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"thaw",
        b"[]",
        b"null",
        b'{"thaw": 0}',
        b'{"thaw": -1}',
        b'{"thaw": true}',
        b'{"thaw": 4711.0}',
        b'{"thaw": 99999999999}',
        b'{"thaw": "4711"}',
        b'{"kill": 4711}',
        b'{"thaw": "all"}' + b" " * 300,
        b"\xff\xfe",
        b"[" * 250,
    ],
)
def test_what_is_no_request_is_passed_over(tmp_path: Path, data: bytes) -> None:
    before = descriptors()
    control = ControlServer(tmp_path)
    with knocking(tmp_path) as (knock, ours, theirs):
        socket.send_fds(knock, [data], [theirs.fileno()])
        assert not list(control.requests())
        theirs.close()
        assert ours.recv(1) == b"", "nobody else holds its other end"
    control.close()
    assert descriptors() == before


def test_what_is_beside_a_request_may_be_anything(tmp_path: Path) -> None:
    before = descriptors()
    control = ControlServer(tmp_path)
    request = b'{"thaw": 4711}'
    with knocking(tmp_path) as (knock, _ours, theirs), Path(os.devnull).open() as file:
        knock.send(request)
        socket.send_fds(knock, [request], [file.fileno()])
        socket.send_fds(knock, [request], [theirs.fileno()] * 8)
        # Of eight descriptors the kernel hands over one.
        requests = list(control.requests())
        assert [request.pid for request in requests] == [4711]
        requests[0].reply([])
    control.close()
    assert descriptors() == before


def test_reply_to_a_client_that_is_gone_is_dropped(tmp_path: Path) -> None:
    before = descriptors()
    control = ControlServer(tmp_path)
    with knocking(tmp_path) as (knock, ours, theirs):
        socket.send_fds(knock, [json.dumps({"thaw": "all"}).encode()], [theirs.fileno()])
        ours.close()
        theirs.close()
        (request,) = control.requests()
        request.reply(["nobody hears"])
        assert not list(control.requests())
    control.close()
    assert descriptors() == before


def test_the_socket_of_a_watch_that_was_killed_is_removed(tmp_path: Path) -> None:
    dead = tmp_path / "1234567.sock"
    script = "import socket,sys; socket.socket(socket.AF_UNIX, 2).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, dead], check=True)
    assert dead.exists()
    other = tmp_path / "notes.txt"
    other.touch()
    control = ControlServer(tmp_path)
    assert not dead.exists()
    assert other.exists()
    assert remove_stale(tmp_path) == [tmp_path / f"{os.getpid()}.sock"]
    control.close()
    assert remove_stale(tmp_path) == []
    assert remove_stale(tmp_path / "missing") == []


def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(EbpftraceError, match="cannot ask") as caught:
        ControlServer(tmp_path)
    assert "others" in caught.value.why


def test_a_folder_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    ControlServer(tmp_path / "run" / "ebpftrace").close()
    assert (tmp_path / "run" / "ebpftrace").stat().st_mode & 0o777 == 0o700


@contextmanager
def knocking(folder: Path) -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """A socket that is connected to this process's control, and a pair for its answer."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knock:
        knock.connect(os.fspath(folder / f"{os.getpid()}.sock"))
        yield knock, ours, theirs


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
