"""Whatever answers on a watch's socket, the one who asked gets an answer or a reason."""

import os
import socket
import threading
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.control_client import NoAnswerError, ask_to_thaw


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"7", b'{"thawed": 7, "more": 0}', b'{"thawed": []}', b"\xff",
     b'{"thawed": [], "more": "0"}', b"[" * 5000],
)  # fmt: skip
def test_an_answer_that_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "1.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watch:
        watch.bind(os.fspath(path))
        thread = threading.Thread(target=answer, args=(watch, data))
        thread.start()
        with pytest.raises(NoAnswerError, match="cannot be read"):
            ask_to_thaw(path, 4711)
        thread.join()


def answer(watch: socket.socket, data: bytes) -> None:
    _, (fd,), _, _ = socket.recv_fds(watch, 256, 1)
    with socket.socket(fileno=fd) as to:
        to.send(data)


def test_a_watch_that_has_ended_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="ended"):
        ask_to_thaw(tmp_path / "1.sock", 4711)
