"""Requests are replied to; anything else that comes over the socket does no harm."""

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
from ebpftrace.act.fuse.holding.control_client import NoReplyError, ThawReply, request_thaw
from ebpftrace.act.fuse.holding.control_server import ControlServer, ThawRequest, remove_stale
from ebpftrace.errors import EbpftraceError


@contextmanager
def serving(folder: Path, answer: Callable[[ThawRequest], None]) -> Iterator[Path]:
    """A server that replies to the next request; its socket."""
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


def test_reply_lists_what_was_resumed(tmp_path: Path) -> None:
    requested = []

    def answer(request: ThawRequest) -> None:
        requested.append(request.pid)
        request.reply([f"{request.pid} was resumed"])

    with serving(tmp_path, answer) as path:
        assert request_thaw(path, 4711) == ThawReply(("4711 was resumed",), 0)
    with serving(tmp_path, answer) as path:
        assert request_thaw(path, None).thawed == ("None was resumed",)
    assert requested == [4711, None]
    assert not path.exists()


def test_reply_that_is_too_long_counts_what_is_missing(tmp_path: Path) -> None:
    with serving(tmp_path, lambda request: request.reply(["x" * 250] * 4096)) as path:
        reply = request_thaw(path, None)
    assert len(reply.thawed) + reply.more == 4096
    assert len(reply.thawed) > 200


def test_reply_is_cleaned_like_all_external_text(tmp_path: Path) -> None:
    with serving(tmp_path, lambda request: request.reply(["\x1b[31mred"])) as path:
        assert request_thaw(path, None).thawed == ("\\x1b[31mred",)


def test_dropped_request_is_noticed_at_once(tmp_path: Path) -> None:
    with (
        serving(tmp_path, lambda request: request._reply.close()) as path,
        pytest.raises(NoReplyError, match="ended"),
    ):
        request_thaw(path, 1)


def test_silent_watch_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_client, "REPLY_SECONDS", 0.1)
    control = ControlServer(tmp_path)
    with pytest.raises(NoReplyError, match="no reply within"):
        request_thaw(tmp_path / f"{os.getpid()}.sock", 1)
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
def test_invalid_request_is_dropped(tmp_path: Path, data: bytes) -> None:
    before = descriptors()
    control = ControlServer(tmp_path)
    with connected(tmp_path) as (client, ours, theirs):
        socket.send_fds(client, [data], [theirs.fileno()])
        assert not list(control.requests())
        theirs.close()
        assert ours.recv(1) == b"", "the server holds the other end no longer"
    control.close()
    assert descriptors() == before


def test_request_needs_exactly_one_socket_beside_it(tmp_path: Path) -> None:
    before = descriptors()
    control = ControlServer(tmp_path)
    request = b'{"thaw": 4711}'
    with (
        connected(tmp_path) as (client, _ours, theirs),
        Path(os.devnull).open(encoding="utf-8") as file,
    ):
        client.send(request)
        socket.send_fds(client, [request], [file.fileno()])
        socket.send_fds(client, [request], [theirs.fileno()] * 8)
        # The kernel hands over only one of eight descriptors.
        requests = list(control.requests())
        assert [request.pid for request in requests] == [4711]
        requests[0].reply([])
    control.close()
    assert descriptors() == before


def test_reply_to_a_client_that_is_gone_is_dropped(tmp_path: Path) -> None:
    before = descriptors()
    control = ControlServer(tmp_path)
    request = json.dumps({"thaw": "all"}).encode()
    with connected(tmp_path) as (client, ours, theirs):
        socket.send_fds(client, [request], [theirs.fileno()])
        ours.close()
        theirs.close()
        (received,) = control.requests()
        assert received.pid is None
        received.reply(["4711 was resumed"])
    with connected(tmp_path) as (client, ours, theirs):
        socket.send_fds(client, [request], [theirs.fileno()])
        (received,) = control.requests()
        received.reply(["4711 was resumed"])
        assert json.loads(ours.recv(256)) == {"thawed": ["4711 was resumed"], "more": 0}
    control.close()
    assert descriptors() == before


def test_socket_of_a_killed_watch_is_removed(tmp_path: Path) -> None:
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


def test_folder_that_other_users_can_write_to_is_not_trusted(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(EbpftraceError, match="cannot be reached") as caught:
        ControlServer(tmp_path)
    assert "other users" in caught.value.why


def test_created_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    ControlServer(tmp_path / "run" / "ebpftrace").close()
    assert (tmp_path / "run" / "ebpftrace").stat().st_mode & 0o777 == 0o700


@contextmanager
def connected(folder: Path) -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """A client connected to the server of this process, and a socket pair for the reply."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(os.fspath(folder / f"{os.getpid()}.sock"))
        yield client, ours, theirs


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
