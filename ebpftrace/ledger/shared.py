"""Sums of usage, and the jobs that share a cgroup."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.golang.telemetry import MONITORS_BYTES
from ebpftrace.jobs.identity import JobIdentity


class SharedCgroup(NamedTuple):
    """The jobs of a snapshot in one cgroup: how many, and what all of them use.

    `running` are those with a process.
    """

    jobs: int
    running: int
    usage: Usage

    def is_alone(self, *, running: bool) -> bool:
        """Whether one of these jobs is the only one of them.

        For one that is `running` those that have ended are none. The processes of a job that
        are gone before their environment is read have no name but the cgroup's, and would be
        such a job beside it for as long as ended ones are kept.
        """
        return (self.running if running else self.jobs) == 1


class Surroundings(NamedTuple):
    """What other jobs have that a job's snapshot depends on."""

    group: SharedCgroup  # all of its cgroup
    jobs_below: Mapping[int, int]  # as in JobSnapshot, and so the next
    usage_below: Usage
    monitors_are_small: bool = True
    """Whether the crash monitors there are so small together that they may be called that."""


def shared_cgroups(usages: Iterable[tuple[tuple[int, bool], Usage]]) -> dict[int, SharedCgroup]:
    """By cgroup id, from the `JobAccount.place` and the usage of each job."""
    shared: dict[int, SharedCgroup] = {}
    for (cgroup_id, running), usage in usages:
        cgroup = shared.get(cgroup_id)
        shared[cgroup_id] = (
            SharedCgroup(1, running, usage)
            if cgroup is None
            else SharedCgroup(cgroup.jobs + 1, cgroup.running + running, cgroup.usage + usage)
        )
    return shared


def jobs_below_limits(cgroups: Iterable[CgroupCounters]) -> Mapping[int, int]:
    """How many of these jobs are below each cgroup with a limit, by its id."""
    below: Counter[int] = Counter()
    for cgroup in cgroups:
        below.update(level.cgroup_id for level in cgroup.levels if level.above)
    return below


_NOTHING = Usage()


class UsagesBelow:
    """What jobs use in the cgroups below each cgroup, from the usage of each job.

    Kept of cgroups that have jobs both in them and below.
    """

    def __init__(self, usages: Iterable[tuple[JobIdentity, Usage]]) -> None:
        known = [(job.cgroup.rstrip("/"), usage) for job, usage in usages]
        with_jobs = {path for path, _ in known}
        self._below: dict[str, Usage] = {}
        for path, usage in known:
            above = path
            while above:
                above = above.rpartition("/")[0]
                if above in with_jobs:
                    self._below[above] = self._below.get(above, Usage()) + usage

    def __bool__(self) -> bool:
        """Whether any cgroup has jobs both in it and below."""
        return bool(self._below)

    def of(self, job: JobIdentity) -> Usage:
        """Of the jobs below this one's cgroup."""
        return self._below.get(job.cgroup.rstrip("/"), _NOTHING) if self._below else _NOTHING


class Monitors:
    """What crash monitors hold together in each place, however many jobs that is.

    A place is the part of a cgroup's path that a job cannot choose, with all that is below.
    """

    def __init__(self, monitors: Iterable[tuple[JobIdentity, int]]) -> None:
        self._bytes: Counter[str] = Counter()
        for job, held_bytes in monitors:
            if held_bytes:
                self._bytes[_place(job)] += held_bytes

    def are_small(self, job: JobIdentity) -> bool:
        """Whether those in its place may be called crash monitors."""
        return self._bytes[_place(job)] <= MONITORS_BYTES if self._bytes else True


def _place(job: JobIdentity) -> str:
    return job.given_path or job.cgroup or str(job.cgroup_id)


def total(usages: Iterable[Usage]) -> Usage:
    """Their sum, kind by kind. (Adding them up one by one would make a Usage for each.)"""
    anon = file = shmem = swap = 0
    for usage in usages:
        anon += usage.anon_bytes
        file += usage.file_bytes
        shmem += usage.shmem_bytes
        swap += usage.swap_bytes
    return Usage(anon, file, shmem, swap)
