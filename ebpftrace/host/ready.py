"""Whether a descriptor is ready now. Nothing here waits."""

import select


def is_readable(fd: int) -> bool:
    """Whether a read would not block; of a pidfd: whether the process has ended."""
    return _is_ready(fd, select.POLLIN)


def is_writable(fd: int) -> bool:
    """Whether a write would not block, be it that it fails."""
    return _is_ready(fd, select.POLLOUT)


def _is_ready(fd: int, events: int) -> bool:
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))
