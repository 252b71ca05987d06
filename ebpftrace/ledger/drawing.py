"""Draws the jobs of a snapshot. What did not change since the last one is the same object."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.accounts import JobAccount
from ebpftrace.ledger.register import JobRegister
from ebpftrace.ledger.shared import (
    Monitors,
    SharedCgroup,
    Surroundings,
    UsagesBelow,
    jobs_below_limits,
    shared_cgroups,
    total,
)
from ebpftrace.ledger.snapshot import JobSnapshot

_NONE_BELOW: Mapping[int, int] = MappingProxyType({})


class JobDrawing:
    """Keeps what was drawn, and what follows from all jobs together, and changes it by job.

    What a snapshot costs follows from the jobs that changed, but for a look at each.
    """

    def __init__(self, register: JobRegister) -> None:
        self._register = register
        self._jobs: list[JobAccount] = []
        self._places: dict[JobAccount, tuple[JobIdentity, bool]] = {}
        self._usages: dict[JobAccount, Usage] = {}
        self._by_cgroup: dict[int, list[JobAccount]] = {}
        self._shared: dict[int, SharedCgroup] = {}
        self._below = UsagesBelow(())
        self._monitor_bytes: dict[JobAccount, int] = {}
        self._monitors = Monitors(())
        self._above: dict[JobAccount, tuple[int, ...]] = {}  # cgroups with a limit above each
        self.usage = Usage()
        """Of all jobs."""
        self.jobs_below: Mapping[int, int] = {}
        self._made: dict[JobAccount, JobSnapshot] = {}
        self._ranks: dict[JobAccount, tuple[int, bool, int, str]] = {}
        self._order: list[JobAccount] = []
        self._drawn: tuple[JobSnapshot, ...] = ()
        self._drawn_ns = 0  # the last time

    def draw(
        self, jobs: list[JobAccount], now_ns: int, time_ns: int, *, final: bool
    ) -> tuple[JobSnapshot, ...]:
        """These jobs now, the largest first; of a `final` snapshot that of the largest peak."""
        moved = [job for job in jobs if not job.rests(now_ns)]
        affected = self._gather(jobs) if jobs != self._jobs else self._update(moved)
        changed = len(self._drawn) != len(jobs)
        for job in jobs if final else affected:
            around = Surroundings(
                self._shared[job.identity.cgroup_id],
                self._jobs_below(job.cgroup),
                self._below.of(job.identity),
                self._monitors.are_small(job.identity),
            )
            usage = self._usages[job]
            if final and not job.processes:
                made = job.ended_snapshot(now_ns, usage, around)
            else:
                made = job.draw(now_ns, time_ns, self._drawn_ns, usage, around)
            if made is not self._made.get(job):
                changed, self._made[job], self._ranks[job] = True, made, _largest_first(made)
        self._drawn_ns = now_ns
        if final:
            return tuple(sorted(self._made.values(), key=_largest_peak_first))
        if changed:
            self._order.sort(key=self._ranks.__getitem__)
            self._drawn = tuple(map(self._made.__getitem__, self._order))
        return self._drawn

    def _gather(self, jobs: list[JobAccount]) -> list[JobAccount]:
        """Compute anew what follows from all jobs; all of them are affected."""
        gone = set(self._jobs).difference(jobs)
        for job in gone:
            job.history.stay(self._drawn_ns)
            self._made.pop(job, None)
            self._ranks.pop(job, None)
        self._register.left(gone)
        self._register.returned(jobs)
        self._jobs, self._order, self._drawn = jobs, list(jobs), ()
        self._places = {job: _place(job) for job in jobs}
        self._usages = {job: job.usage for job in jobs}
        self._above = {job: _limits_above(job) for job in jobs}
        self._monitor_bytes = {job: job.monitor_bytes for job in jobs}
        self._sum_monitors()
        self._by_cgroup = {}
        for job in jobs:
            self._by_cgroup.setdefault(job.identity.cgroup_id, []).append(job)
        self._shared = shared_cgroups((job.place, usage) for job, usage in self._usages.items())
        self._sum_below()
        self.usage = total(self._usages.values())
        self._count_below()
        return jobs

    def _update(self, moved: list[JobAccount]) -> Iterable[JobAccount]:
        """The same where only these have changed. Returns the jobs to be drawn."""
        if any(_place(job) != self._places[job] for job in moved):
            return self._gather(self._jobs)
        others = False
        changed = [job for job in moved if job.usage != self._usages[job]]
        affected = dict.fromkeys(moved)
        for job in changed:
            self._usages[job] = job.usage
        for cgroup_id in {job.identity.cgroup_id for job in changed}:
            jobs = self._by_cgroup[cgroup_id]
            self._shared |= shared_cgroups((job.place, self._usages[job]) for job in jobs)
            affected.update(dict.fromkeys(jobs))
        if changed:
            self.usage = total(self._usages.values())
            if self._below:
                self._sum_below()
                others = True
        monitors = {job: job.monitor_bytes for job in moved}
        if any(held != self._monitor_bytes[job] for job, held in monitors.items()):
            before, self._monitor_bytes = self._monitors, self._monitor_bytes | monitors
            self._sum_monitors()
            affected.update(
                (job, None) for job in self._jobs
                if before.are_small(job.identity) != self._monitors.are_small(job.identity)
            )  # fmt: skip
        above = {job: _limits_above(job) for job in moved}
        if any(above[job] != self._above[job] for job in moved):
            self._above |= above
            self._count_below()
            others = True
        return self._jobs if others else affected

    def _sum_monitors(self) -> None:
        held = self._monitor_bytes.items()
        self._monitors = Monitors((job.identity, held_bytes) for job, held_bytes in held)

    def _sum_below(self) -> None:
        self._below = UsagesBelow((job.identity, usage) for job, usage in self._usages.items())

    def _count_below(self) -> None:
        self.jobs_below = jobs_below_limits(job.cgroup for job in self._register.live)

    def _jobs_below(self, cgroup: CgroupCounters) -> Mapping[int, int]:
        """Running jobs below the limits of one cgroup."""
        if not cgroup.levels:
            return _NONE_BELOW
        below = self.jobs_below
        ids = (level.cgroup_id for level in cgroup.levels)
        return MappingProxyType({one: below[one] for one in ids if one in below})


def _place(job: JobAccount) -> tuple[JobIdentity, bool]:
    return job.identity, bool(job.processes)


def _limits_above(job: JobAccount) -> tuple[int, ...]:
    return tuple(level.cgroup_id for level in job.cgroup.levels if level.above)


def _largest_first(job: JobSnapshot) -> tuple[int, bool, int, str]:
    """Ended jobs hold nothing and come last, those with the largest peak first."""
    return -job.usage.resident_bytes, not job.processes, -job.peak_bytes, job.identity.key


def _largest_peak_first(job: JobSnapshot) -> tuple[int, str]:
    return -job.peak_bytes, job.identity.key
