"""Wakes a thread that sleeps in an epoll, from a signal handler or another thread."""

import contextlib
import socket


class Waker:
    """Readable from the first `wake` until it is cleared."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)

    @property
    def fd(self) -> int:
        """To be registered with the epoll."""
        return self._here.fileno()

    @property
    def wakeup_fd(self) -> int:
        """Writing to it wakes, too: for `signal.set_wakeup_fd`."""
        return self._there.fileno()

    def wake(self) -> None:
        """Callable from any thread, also after `close`."""
        with contextlib.suppress(OSError):  # full: readable anyhow; closed: nothing waits
            self._there.send(b"\0")

    def clear(self) -> None:
        """BlockingIOError if it was not woken."""
        self._here.recv(64)

    def close(self) -> None:
        self._here.close()
        self._there.close()
