"""Where runs are kept: the interface, and how much of it there may be."""

from typing import NamedTuple, Protocol

from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import Run
from ebpftrace.units import MIB


class StoreBounds(NamedTuple):
    """How much is kept. Of the runs of a job, at most half are such that did not end well."""

    runs_of_job: int = 20
    jobs: int = 10_000
    days: int = 90
    size_bytes: int = 64 * MIB


class JobEntry(NamedTuple):
    """A job in the history: how many runs of it are kept, and the newest of them."""

    job: RecurringJob
    runs: int
    newest: Run


class Store(Protocol):
    """Past runs. Every method may raise HistoryError, and is called on one thread."""

    def add(self, run: Run) -> None:
        """Keep a run, and drop what is above the bounds.

        The second of two watches that saw the same run adds nothing.
        """

    def runs(self, job_key: str) -> tuple[Run, ...]:
        """The runs of a job, the newest first."""

    def jobs(self, limit: int) -> tuple[JobEntry, ...]:
        """The jobs that ran last, at most `limit` of them, the newest first."""

    def named(self, name: str) -> tuple[RecurringJob, ...]:
        """The jobs with this name, in any place, or this key."""

    def forget(self, job_key: str) -> int:
        """Drop all runs of a job; returns how many."""

    def close(self) -> None:
        """Release the file or the connection."""
