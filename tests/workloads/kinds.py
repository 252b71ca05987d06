"""A process that takes memory of one kind, a MiB at a time, as its stdin asks.

Each line is `KIND MIB [SECONDS]`: so many MiB, spread over so many seconds. It is answered
with `ok` when all of it is taken. The first answer, before any command, is `ok`.
"""

import ctypes
import fcntl
import mmap
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

MIB = 1 << 20
_PAGE = mmap.PAGESIZE
_UNDER_TABLE = 512 * _PAGE  # address space that one page table maps
_ENTRY = 1024  # bytes of slab, about: an inode of tmpfs and its name
_NAME = 192  # bytes of slab of a name alone
_FREE = 8  # MADV_FREE

_kept: list[object] = []
_freed: list[mmap.mmap] = []
_looked: list[None] = []


def anon() -> None:
    """A MiB of anonymous memory."""
    area = _private(MIB)
    area.write(b"x" * MIB)
    _kept.append(area)


def lazy() -> None:
    """A MiB of anonymous memory that is written, and freed lazily."""
    area = _private(MIB)
    area.write(b"x" * MIB)
    area.madvise(_FREE)
    _freed.append(area)


def reuse() -> None:
    """Write again to a MiB that was freed lazily."""
    area = _freed.pop()
    area.seek(0)
    area.write(b"y" * MIB)
    _kept.append(area)


def pipes() -> None:
    """A MiB in the buffer of a pipe that no process reads."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, MIB)
    os.set_blocking(writer, False)
    os.write(writer, b"x" * MIB)
    _kept.append((reader, writer))


def sockets() -> None:
    """About a MiB in the buffers of Unix sockets that no process reads."""
    written = 0
    while written < MIB:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        while True:
            try:
                written += ours.send(b"x" * 65536)
            except BlockingIOError:
                break
        _kept.append((ours, theirs))


def tables() -> None:
    """A MiB of page tables: one page of each two MiB of address space is looked at."""
    area = mmap.mmap(-1, _UNDER_TABLE * (MIB // _PAGE), flags=mmap.MAP_PRIVATE | 0x4000)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for offset in range(0, len(area), _UNDER_TABLE):
        area[offset]
    _kept.append(area)


def files() -> None:
    """About a MiB of inodes and names of empty files in the folder `FOLDER`."""
    folder = Path(os.environ["FOLDER"])
    for _ in range(MIB // _ENTRY):
        (folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()


def names() -> None:
    """About a MiB of names that were looked for, which the kernel can drop."""
    for number in range(MIB // _NAME):
        Path(f"/tmp/ebpftrace-test-{os.getpid()}-{len(_looked)}-{number}").exists()
    _looked.append(None)


def _private(size: int) -> mmap.mmap:
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    return area


KINDS: dict[str, Callable[[], None]] = {
    kind.__name__: kind for kind in (anon, lazy, reuse, pipes, sockets, tables, files, names)
}


def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ctypes.CDLL(None).prctl(15, b"kinds", 0, 0, 0)  # PR_SET_NAME
    print("ok", flush=True)
    for line in sys.stdin:
        kind, mib, *seconds = line.split()
        pause = float(seconds[0]) / int(mib) if seconds else 0.0
        for _ in range(int(mib)):
            KINDS[kind]()
            time.sleep(pause)
        print("ok", flush=True)


if __name__ == "__main__":
    main()
