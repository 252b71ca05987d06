"""How many incidents the cgroups of one job may have, at a time and in a minute.

A user may make cgroups without end below those that are delegated to it, and invent CI runs,
each of which is a job with incidents of its own. So what counts is the path of the cgroup.
"""

from collections.abc import Callable

from ebpftrace.job_shares import JobShares, JobSlots, nodes_of
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import NS_PER_SECOND

MAX_INCIDENTS = 32
"""How many incidents act at the same time."""

MAX_OPEN = 64
"""The same with those whose targets have ended, and that only wait for a successor. That takes
ten seconds and more, but nothing else."""

MOST_STARTS = 64
"""How many begin in a minute: each has some lines in the audit log, of a few kilobytes."""

ALL_RUN = "its cgroups have as many incidents as may run at a time; it waits"
ALL_STARTED = "its cgroups have had as many incidents as may start in a minute; it waits"

_MINUTE_NS = 60 * NS_PER_SECOND


class IncidentShares:
    """Incidents are given by the key of their job; `clock` is CLOCK_MONOTONIC, ns."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._acting, self._open = JobSlots(MAX_INCIDENTS), JobSlots(MAX_OPEN)
        self._starts = JobShares(MOST_STARTS, _MINUTE_NS)
        self._paths: dict[str, list[int]] = {}
        self._waiting: set[str] = set()

    def refusal(self, job: JobIdentity) -> str:
        """Why no incident of this job may start now; "" if one may."""
        path = nodes_of(job.cgroup)
        if not (self._acting.has_room(path) and self._open.has_room(path)):
            return ALL_RUN
        return "" if self._starts.has_room(path, self._clock()) else ALL_STARTED

    def start(self, job: JobIdentity) -> None:
        """An incident of this job starts; a user may start one where there is no room."""
        path = self._paths[job.key] = nodes_of(job.cgroup)
        self._acting.take(path)
        self._open.take(path)
        self._starts.take(path, self._clock())

    def waits(self, job: str) -> None:
        """Its targets have ended: from here on it takes the place of no other one.

        Should no successor do, it acts again, which is not counted any more.
        """
        if job not in self._waiting:
            self._waiting.add(job)
            self._acting.give_back(self._paths[job])

    def end(self, job: str) -> None:
        """The incident of this job has ended."""
        self.waits(job)
        self._waiting.discard(job)
        self._open.give_back(self._paths.pop(job))
