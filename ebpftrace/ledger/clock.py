"""From the kernel's clocks to the calendar."""

import time
from typing import NamedTuple


class Clock(NamedTuple):
    """What to add to a kernel time to get Unix time, in nanoseconds.

    Taken once: the times of a watch stay in order even if the wall clock is set meanwhile.
    """

    monotonic_to_unix_ns: int
    boottime_to_unix_ns: int

    @classmethod
    def now(cls) -> "Clock":
        """The offsets of this machine at this moment."""
        unix = time.time_ns()
        return cls(
            unix - time.clock_gettime_ns(time.CLOCK_MONOTONIC),
            unix - time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        )

    def unix_ns(self, monotonic_ns: int) -> int:
        return monotonic_ns + self.monotonic_to_unix_ns

    def start_unix_ns(self, boottime_ns: int) -> int:
        return boottime_ns + self.boottime_to_unix_ns


class Aging:
    """Drawn in one snapshot, and the same object in later ones where nothing changed."""

    __slots__ = ()

    age_ns: int
    drawn_ns: int | None  # `age_ns` is as of then; None: as of its snapshot

    def age_at(self, now_ns: int) -> int:
        """Its age in a snapshot of that time (CLOCK_MONOTONIC)."""
        return self.age_ns + (0 if self.drawn_ns is None else now_ns - self.drawn_ns)
