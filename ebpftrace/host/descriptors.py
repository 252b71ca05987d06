"""File descriptors: as many as this process may have, and some that are kept for need.

What takes one for each of many processes calls `keep`, which leaves the last ones free:
with them a snapshot is read, a hook started and a process resumed, whatever has been taken.
"""

import contextlib
import errno
import os
import resource
from collections.abc import Iterator

RESERVE = 96
"""Descriptors that `keep` leaves free."""

_exhausted = 0
_before: tuple[int, int] | None = None


def raise_limit() -> None:
    """Allow this process as many descriptors as root has allowed it: soft to hard."""
    global _before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _before = soft, hard


def restore_limit(pid: int) -> None:
    """Give a child the limit from before: programs that use select(2) rely on it."""
    if _before is not None:
        with contextlib.suppress(OSError, ValueError):  # it has ended
            resource.prlimit(pid, resource.RLIMIT_NOFILE, _before)


def limit() -> int:
    """How many this process may have now."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def keep(fd: int) -> int:
    """The descriptor, if it is none of the last ones.

    OSError (EMFILE) otherwise, with the descriptor closed. The kernel gives out the lowest
    free one, so its number shows how many are in use.
    """
    if fd >= limit() - RESERVE:
        os.close(fd)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return fd


def is_exhausted(error: OSError) -> bool:
    """Whether there was no descriptor left, of ours or of the machine's. Counted."""
    global _exhausted
    if error.errno not in (errno.EMFILE, errno.ENFILE):
        return False
    _exhausted += 1
    return True


@contextlib.contextmanager
def when_exhausted() -> Iterator[None]:
    """Leave the block, and count it, where no descriptor is left."""
    try:
        yield
    except OSError as error:
        if not is_exhausted(error):
            raise


def exhausted() -> int:
    """How often something could not be read for want of a descriptor."""
    return _exhausted
