"""Wakes a thread that sleeps in an epoll, from a signal handler or another thread."""

import contextlib
import os

_CLOSED = -1


class Waker:
    """Readable from the first `wake` until it is cleared."""

    def __init__(self) -> None:
        self._here, self._there = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def fd(self) -> int:
        """To be registered with the epoll."""
        return self._here

    @property
    def wakeup_fd(self) -> int:
        """Writing to it wakes, too: for `signal.set_wakeup_fd`."""
        return self._there

    def wake(self) -> None:
        """Callable from any thread, also after `close`."""
        with contextlib.suppress(OSError):  # full: readable anyhow; closed: nothing waits
            os.write(self._there, b"\0")

    def clear(self) -> None:
        """BlockingIOError if it was not woken."""
        os.read(self._here, 64)

    def close(self) -> None:
        os.close(self._here)
        os.close(self._there)
        self._here = self._there = _CLOSED
