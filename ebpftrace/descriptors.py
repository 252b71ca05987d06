"""File descriptors: as many as this process may have, and some that are kept for need.

What takes one for each of many processes calls `keep`, which leaves the last ones free:
with them a snapshot is read, a hook started and a process resumed, whatever has been taken.
Should none be left all the same, what a watch cannot do without, such as a file of /proc, is
opened by `with_spares`, which closes some that are held open for that.
"""

import contextlib
import errno
import os
import resource
from collections.abc import Callable, Iterator
from typing import TypeVar

RESERVE = 96
"""Descriptors that `keep` leaves free."""

_SPARES = 4  # a pidfd and a file of /proc, or an iterator and its link, on two threads

_NONE_LEFT = (errno.EMFILE, errno.ENFILE)
_Result = TypeVar("_Result")

_exhausted = 0
_before: tuple[int, int] | None = None
_spares: list[int] = []
_most_spares = 0  # which a watch holds


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


def with_spares(call: Callable[[], _Result]) -> _Result:
    """What it returns; where no descriptor is left, it is tried again with those held for that.

    Where it leaves one open, `refill_spares` is called once that is closed. OSError (EMFILE)
    where it takes more than there are, or other threads took them.
    """
    try:
        return call()
    except OSError as error:
        if error.errno not in _NONE_LEFT or not _spares:
            raise
    _close_spares()
    try:
        return call()
    finally:
        refill_spares()


def hold_spares() -> None:
    """From now on have some descriptors that `with_spares` may close."""
    global _most_spares
    _most_spares = _SPARES
    refill_spares()


def refill_spares() -> None:
    """Have all of them again; fewer where no more are left."""
    with contextlib.suppress(OSError):
        while len(_spares) < _most_spares:
            _spares.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def release_spares() -> None:
    """Hold none any more."""
    global _most_spares
    _most_spares = 0
    _close_spares()


def _close_spares() -> None:
    with contextlib.suppress(IndexError):  # until there is none: other threads may take some
        while True:
            os.close(_spares.pop())


def is_exhausted(error: OSError) -> bool:
    """Whether there was no descriptor left, of ours or of the machine's. Counted."""
    global _exhausted
    if error.errno not in _NONE_LEFT:
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
