"""A file of one process in /proc, or of a cgroup.

A job can make most of them as long as it likes, so each reader has a bound.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ebpftrace.descriptors import refill_spares, with_spares
from ebpftrace.errors import NotPermittedError
from ebpftrace.units import KIB

_CHUNK = 64 * KIB
_LINE = 256
_PID_DIGITS = 10

Read = Callable[[str, int], bytes]
"""Reads the first bytes of a file, as `read_start` does."""


def read_proc_file(
    proc: Path, pid: int, name: str, limit: int = _CHUNK, read: Read | None = None
) -> bytes | None:
    """Its first `limit` bytes; None if the process has ended. NotPermittedError."""
    path = f"{proc}/{pid}/{name}"
    try:
        return (read or read_start)(path, limit)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError as error:
        raise not_permitted(path) from error


def read_start(path: str, limit: int) -> bytes:
    """The first `limit` bytes of a file. OSError.

    Without a file object: a hook waits for several of these.
    """
    fd = _open(path)
    try:
        raw = b""
        while len(raw) < limit and (chunk := os.read(fd, min(_CHUNK, limit - len(raw)))):
            raw += chunk
        return raw
    finally:
        _close(fd)


def read_open(fd: int, limit: int) -> bytes:
    """The same of an open file, wherever it was read to. OSError."""
    raw = b""
    while len(raw) < limit and (chunk := os.pread(fd, min(_CHUNK, limit - len(raw)), len(raw))):
        raw += chunk
    return raw


def _open(path: str) -> int:
    return with_spares(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _close(fd: int) -> None:
    os.close(fd)
    refill_spares()


def proc_chunks(proc: Path, pid: int, name: str, limit: int) -> Iterator[bytes]:
    """The same in pieces, no more of which are read than are asked for.

    FileNotFoundError or ProcessLookupError if the process has ended.
    """
    path = f"{proc}/{pid}/{name}"
    try:
        fd = _open(path)
        try:
            while limit > 0 and (chunk := os.read(fd, min(_CHUNK, limit))):
                limit -= len(chunk)
                yield chunk
        finally:
            _close(fd)
    except PermissionError as error:
        raise not_permitted(path) from error


def matching_lines(
    pattern: re.Pattern[bytes], chunks: Iterable[bytes]
) -> Iterator[re.Match[bytes]]:
    """The lines of a file in pieces that match; longer ones than 256 bytes do not.

    The pattern has to be for a whole line: `^…$` with re.MULTILINE.
    """
    begun = b""
    for chunk in chunks:
        data = begun + chunk
        end = data.rfind(b"\n") + 1
        yield from pattern.finditer(data, 0, end)
        # In place of a line that is too long, so that its end is not taken for a line.
        begun = data[end:] if len(data) - end <= _LINE else b"\xff" * (_LINE + 1)
    yield from pattern.finditer(begun)


def listed_pids(raw: bytes) -> Iterator[int]:
    """The pids of a list such as cgroup.procs."""
    return (int(word) for word in raw.split() if word.isdigit() and len(word) <= _PID_DIGITS)


def not_permitted(path: str) -> NotPermittedError:
    """The error for a file that may not be read."""
    return NotPermittedError(
        f"cannot read {path}",
        why="it belongs to another user, or the process is protected",
        fix="run as root, or with CAP_SYS_PTRACE",
    )
