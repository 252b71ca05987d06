"""Whether the Kubernetes API answers."""

from typing import NamedTuple

from ebpftrace.units import NS_PER_SECOND


class ApiStatus(NamedTuple):
    """Whether the API answers, and since when (CLOCK_MONOTONIC); what is wrong if not."""

    connected: bool
    since_ns: int
    trouble: str = ""

    def away_seconds(self, now_ns: int) -> float:
        """How long the API has not answered; 0 while it does."""
        return 0.0 if self.connected else max(0, now_ns - self.since_ns) / NS_PER_SECOND
