"""What the judge asks of a job's earlier runs; `ebpftrace/history` has the answers."""

from collections.abc import Callable
from typing import Protocol

from ebpftrace.jobs.identity import JobIdentity


class Departure(Protocol):
    """How a job differs from its earlier runs at one moment."""

    @property
    def most_bytes(self) -> int:
        """The most that the earlier runs held by then."""

    @property
    def words(self) -> str:
        """`holds 310 MiB at 23 s; in its last 5 runs at most 190 MiB until its end`."""


class JobPast(Protocol):
    """The earlier runs of one job that ended well, under the same conditions."""

    @property
    def steady(self) -> bool:
        """False while a step change of the job itself is still being learned."""

    def unusual(
        self, age_s: float, held_bytes: int, limit_bytes: int | None
    ) -> Departure | None:
        """How the job differs at this age; None where earlier runs held about as much."""


PastOf = Callable[[JobIdentity, int | None], JobPast | None]
"""The past of a job under a limit; None if it has none, or until it has been read.

It never waits.
"""
