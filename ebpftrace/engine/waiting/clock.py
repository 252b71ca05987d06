"""The clocks of a watch, and the only call in which the engine's thread sleeps."""

import select
import time
from typing import Protocol


class TimeSource(Protocol):
    """The machine's time, or a scripted one in which nothing really sleeps."""

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC, nanoseconds."""

    def unix_ns(self) -> int:
        """CLOCK_REALTIME, nanoseconds."""

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME, nanoseconds."""

    def poll(self, epoll: select.epoll, seconds: float | None) -> list[tuple[int, int]]:
        """Sleep until a descriptor of `epoll` is ready; None: for however long that takes.

        Returns the ready descriptors with their events, none if the time has elapsed.
        """


class SystemTime:
    """The machine's own."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def unix_ns(self) -> int:
        return time.time_ns()

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def poll(self, epoll: select.epoll, seconds: float | None) -> list[tuple[int, int]]:
        return epoll.poll(seconds)
