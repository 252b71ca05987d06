"""What wakes who waits in an epoll, rung by a signal or by any thread."""

import contextlib
import socket


class Waker:
    """Rings until it is answered, however often it was rung."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)

    @property
    def fd(self) -> int:
        """Readable while it rings."""
        return self._here.fileno()

    @property
    def wakeup_fd(self) -> int:
        """Writing there rings, too: for `signal.set_wakeup_fd`."""
        return self._there.fileno()

    def ring(self) -> None:
        """Any thread may, also after it was closed."""
        with contextlib.suppress(OSError):  # full: it wakes anyhow; closed: nobody waits
            self._there.send(b"\0")

    def answer(self) -> None:
        """It rings no more. BlockingIOError if it did not ring."""
        self._here.recv(64)

    def close(self) -> None:
        self._here.close()
        self._there.close()
