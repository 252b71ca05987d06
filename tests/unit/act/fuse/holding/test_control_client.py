"""A client gets a reply or a reason, whatever is at the other end."""

import os
import socket
import threading
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.control_client import NoReplyError, request_thaw


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"7", b'{"thawed": 7, "more": 0}', b'{"thawed": []}', b"\xff",
     b'{"thawed": [], "more": "0"}', b"[" * 5000],
)  # fmt: skip
def test_invalid_reply(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "1.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watch:
        watch.bind(os.fspath(path))
        thread = threading.Thread(target=send_reply, args=(watch, data))
        thread.start()
        with pytest.raises(NoReplyError, match="cannot be read"):
            request_thaw(path, 4711)
        thread.join()


def send_reply(watch: socket.socket, data: bytes) -> None:
    _, (fd,), _, _ = socket.recv_fds(watch, 256, 1)
    with socket.socket(fileno=fd) as reply:
        reply.send(data)


def test_watch_that_has_ended_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(NoReplyError, match="ended"):
        request_thaw(tmp_path / "1.sock", 4711)
