"""The descriptors that running actions wait for, behind one that others can wait for."""

import select
from collections.abc import Iterable


class Descriptors:
    """`fd` is readable when one of those of the last `listen` is."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._fds: set[int] = set()

    @property
    def fd(self) -> int:
        """An epoll descriptor."""
        return self._epoll.fileno()

    @property
    def closed(self) -> bool:
        return self._epoll.closed

    def listen(self, fds: Iterable[int]) -> None:
        """To these from now on, and no other."""
        wanted = set(fds)
        for fd in self._fds - wanted:
            try:
                self._epoll.unregister(fd)
            except (OSError, ValueError):
                continue  # it was closed, which took it out by itself
        for fd in wanted:
            try:
                self._epoll.register(fd, select.EPOLLIN)
            except FileExistsError:
                continue
        self._fds = wanted

    def close(self) -> None:
        """`fd` is of no use after it."""
        self._epoll.close()
