"""Whether a descriptor is ready, now or after a wait."""

import select
from collections.abc import Callable

WaitReadable = Callable[[int, float], bool]
"""Waits until a descriptor is readable, for so many seconds at most; whether it is."""


def is_readable(fd: int) -> bool:
    """Whether a read would not block; of a pidfd: whether the process has ended."""
    return _is_ready(fd, select.POLLIN)


def wait_readable(fd: int, seconds: float) -> bool:
    """The plain `WaitReadable`. A watch waits with `Waiter.wait_until_readable` instead."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def is_writable(fd: int) -> bool:
    """Whether a write would not block, be it that it fails."""
    return _is_ready(fd, select.POLLOUT)


def _is_ready(fd: int, events: int) -> bool:
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))
