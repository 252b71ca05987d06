"""Combines the descriptors of the running actions into one."""

import select
from collections.abc import Iterable


class Descriptors:
    """`fd` is readable when one of the descriptors of the last `listen` is."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._fds: set[int] = set()

    @property
    def fd(self) -> int:
        """An epoll descriptor."""
        return self._epoll.fileno()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._epoll.closed

    def listen(self, fds: Iterable[int]) -> None:
        """Replace the descriptors."""
        wanted = set(fds)
        for fd in self._fds - wanted:
            try:
                self._epoll.unregister(fd)
            except (OSError, ValueError):
                continue  # closing it has removed it already
        for fd in wanted:
            try:
                self._epoll.register(fd, select.EPOLLIN)
            except FileExistsError:
                continue
        self._fds = wanted

    def close(self) -> None:
        """Close `fd`."""
        self._epoll.close()
