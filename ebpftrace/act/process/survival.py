"""What keeps the breaker alive and quick while the node is short of memory."""

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SCORE = -900
"""Not -1000: ebpftrace may be killed too before the machine hangs."""

_FILE = Path("/proc/self/oom_score_adj")
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # include/uapi/asm-generic/mman.h


def lower_oom_score(file: Path = _FILE) -> str:
    """Lower the OOM score of ebpftrace. Returns "", or why that failed.

    Children inherit the score, so hooks are started under `ordinary_score`.
    """
    try:
        if int(file.read_text(encoding="utf-8")) > SCORE:
            file.write_text(str(SCORE), encoding="utf-8")
    except OSError as error:
        return f"the OOM killer may choose ebpftrace: oom_score_adj: {error.strerror}"
    return ""


@contextlib.contextmanager
def ordinary_score(file: Path = _FILE) -> Iterator[None]:
    """Restore the default OOM score for a fork: the OOM killer must not spare a hook."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            fd = _score_file(file)
            if int(os.pread(fd, 16, 0)) == SCORE:
                _set_score(fd, 0)
                stack.callback(_set_score, fd, SCORE)
        yield


@cache
def _score_file(file: Path) -> int:
    """A descriptor that stays open: the breaker waits for the fork."""
    return os.open(file, os.O_RDWR | os.O_CLOEXEC)


def _set_score(fd: int, score: int) -> None:
    with contextlib.suppress(OSError):  # it was allowed a moment ago
        os.pwrite(fd, f"{score:<6}".encode(), 0)


def freeze_gc() -> None:
    """Exempt all objects of now from garbage collection. Call it once all is loaded.

    A full collection would walk every object of the program, some 30 ms in the middle of
    an incident. Objects that are made later are collected as usual.
    """
    gc.collect()
    gc.freeze()


def lock_memory() -> str:
    """Keep the pages in use resident. Returns "", or why that failed.

    Only pages that are touched are locked (MLOCK_ONFAULT, Linux 4.4), so the compiler's
    memory, which was given back, stays free. On a thrashing node the program itself would
    otherwise be read from disk before it could act. Call it once all is loaded.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return ""
    error = os.strerror(ctypes.get_errno())
    return f"ebpftrace may be slowed down by swapping: mlockall: {error}"
