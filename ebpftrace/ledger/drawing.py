"""Draws the jobs of a snapshot. What did not change since the last one is the same object."""

from collections.abc import Mapping
from types import MappingProxyType

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.ledger.accounts import JobAccount, Surroundings
from ebpftrace.ledger.register import JobRegister
from ebpftrace.ledger.shared import (
    SharedCgroup,
    UsagesBelow,
    jobs_below_limits,
    shared_cgroups,
    total,
)
from ebpftrace.ledger.snapshot import JobSnapshot

_NONE_BELOW: Mapping[int, int] = MappingProxyType({})


class JobDrawing:
    """Keeps what follows from all jobs together for as long as none of them has changed."""

    def __init__(self, register: JobRegister) -> None:
        self._register = register
        self._jobs: list[JobAccount] = []
        self._places: list[tuple[int, bool]] = []
        self._usages: list[Usage] = []
        self._shared: dict[int, SharedCgroup] = {}
        self._below = UsagesBelow(())
        self._live_cgroups: list[CgroupCounters] = []
        self.usage = Usage()
        """Of all jobs."""
        self.jobs_below: Mapping[int, int] = {}
        self._drawn: tuple[JobSnapshot, ...] = ()
        self._drawn_ns = 0  # the last time

    def draw(
        self, jobs: list[JobAccount], now_ns: int, time_ns: int, *, final: bool
    ) -> tuple[JobSnapshot, ...]:
        """These jobs now, the largest first; of a `final` snapshot that of the largest peak."""
        self._compare(jobs)
        before = dict.fromkeys(map(id, self._drawn)) if not final else {}
        drawn = []
        same = len(jobs) == len(self._drawn) and not final
        for job, usage in zip(jobs, self._usages, strict=True):
            around = Surroundings(
                self._shared[job.identity.cgroup_id],
                self._jobs_below(job.cgroup),
                self._below.of(job.identity),
            )
            if final and not job.processes:
                made = job.ended_snapshot(now_ns, usage, around)
            else:
                made = job.draw(now_ns, time_ns, self._drawn_ns, usage, around)
                self._register.sampled(job)
            same = same and id(made) in before
            drawn.append(made)
        self._drawn_ns = now_ns
        if not same:
            drawn.sort(key=_largest_peak_first if final else _largest_first)
            self._drawn = tuple(drawn)
        return self._drawn

    def _compare(self, jobs: list[JobAccount]) -> None:
        """Compute anew what follows from all jobs, where one has changed."""
        places, usages = [job.place for job in jobs], [job.usage for job in jobs]
        if not (jobs == self._jobs and places == self._places and usages == self._usages):
            self._jobs, self._places, self._usages = jobs, places, usages
            self._shared = shared_cgroups(zip(places, usages, strict=True))
            self._below = UsagesBelow(
                (job.identity, usage) for job, usage in zip(jobs, usages, strict=True)
            )
            self.usage = total(usages)
        cgroups = [job.cgroup for job in self._register.live]
        if cgroups != self._live_cgroups:
            self._live_cgroups = cgroups
            self.jobs_below = jobs_below_limits(cgroups)

    def _jobs_below(self, cgroup: CgroupCounters) -> Mapping[int, int]:
        """Running jobs below the limits of one cgroup."""
        if not cgroup.levels:
            return _NONE_BELOW
        below = self.jobs_below
        ids = (level.cgroup_id for level in cgroup.levels)
        return MappingProxyType({one: below[one] for one in ids if one in below})


def _largest_first(job: JobSnapshot) -> tuple[int, bool, int, str]:
    """Ended jobs hold nothing and come last, those with the largest peak first."""
    return -job.usage.resident_bytes, not job.processes, -job.peak_bytes, job.identity.key


def _largest_peak_first(job: JobSnapshot) -> tuple[int, str]:
    return -job.peak_bytes, job.identity.key
