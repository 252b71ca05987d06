"""What keeps the breaker alive and quick in the fire it is there for."""

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterator
from pathlib import Path

SCORE = -900
"""Not -1000: if all else is gone, even this may be taken before the machine hangs."""

_FILE = Path("/proc/self/oom_score_adj")
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # include/uapi/asm-generic/mman.h


def lower_oom_score(file: Path = _FILE) -> str:
    """Lower our score for the OOM killer; "" when it is, else what stood against it.

    Children inherit it, so hooks are started under `ordinary_score`.
    """
    try:
        if int(file.read_text()) > SCORE:
            file.write_text(str(SCORE))
    except OSError as error:
        return f"the OOM killer may choose ebpftrace: oom_score_adj: {error.strerror}"
    return ""


@contextlib.contextmanager
def ordinary_score(file: Path = _FILE) -> Iterator[None]:
    """For the moment of a fork: what a hook starts must not outlive the whole machine."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            # One descriptor for all of it: a breach waits meanwhile.
            fd = os.open(file, os.O_RDWR | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            if int(os.pread(fd, 16, 0)) == SCORE:
                _set_score(fd, 0)
                stack.callback(_set_score, fd, SCORE)
        yield


def _set_score(fd: int, score: int) -> None:
    with contextlib.suppress(OSError):  # it was allowed a moment ago
        os.pwrite(fd, f"{score:<6}".encode(), 0)


def freeze_gc() -> None:
    """Have the collector pass over all there is by now. Call it once all is loaded.

    A full collection otherwise walks every object of the program, some 30 ms in the middle
    of an incident. What comes later is collected as ever.
    """
    gc.collect()
    gc.freeze()


def lock_memory() -> str:
    """Keep what we use resident; "" when it is locked, else what stood against it.

    Only pages that are used (MLOCK_ONFAULT, Linux 4.4): the compiler that was given back
    stays away. Without it a node that thrashes would have us read our own program from
    its disk before we could act. Call it once all is loaded.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return ""
    error = os.strerror(ctypes.get_errno())
    return f"ebpftrace may be slowed down by swapping: mlockall: {error}"
