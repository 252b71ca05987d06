"""Reads executables for another process, over a socket on descriptor 0.

A thread that waits for the server of a FUSE file system can keep its process from ending,
even by SIGKILL. So the watch reads no executable itself: see engine/programs/reader.py.

It is run as `python -I -S -c …`, and ends once the other end of the socket is closed.
"""

import contextlib
import json
import os
import socket
from pathlib import Path

MESSAGE_BYTES = 64 << 10
READY = b"ready"
_MOST_DESCRIPTORS = 1 << 20


def serve(idle_seconds: float | None = None) -> None:
    """Answer requests, a message each, until there are no more, or none for some time."""
    os.closerange(3, _MOST_DESCRIPTORS)  # what the watch itself inherited
    import ebpftrace.golang.buildinfo  # noqa: F401 - by this process only, and before it is ready

    with socket.socket(fileno=0) as connection, contextlib.suppress(OSError):
        connection.sendall(READY)
        connection.settimeout(idle_seconds)
        while request := connection.recv(MESSAGE_BYTES):
            connection.sendall(answer(request))


def answer(request: bytes) -> bytes:
    """`[what, path]` in JSON: [main package] of a Go program, or [version]; [] for none."""
    from ebpftrace.golang.buildinfo import read_go_program, read_main_version

    what, path = json.loads(request)
    if what == "version":
        return json.dumps([read_main_version(Path(path))]).encode()
    program = read_go_program(Path(path))
    return json.dumps([] if program is None else [program.main_package]).encode()
