"""From the kernel's clocks to the calendar."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
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
