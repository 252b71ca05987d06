"""All known jobs, with a process or ended, and which of them share a cgroup."""

import itertools
from collections.abc import Iterable, Iterator

from ebpftrace.counters import CgroupCounters, CgroupPressure
from ebpftrace.events import OomKilled
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.accounts import JobAccount
from ebpftrace.ledger.cgroup import CgroupAccount, Pressed, Stalled
from ebpftrace.ledger.process_account import ProcessAccount
from ebpftrace.units import NS_PER_SECOND

MAX_ENDED_JOBS = 4096
"""How many jobs without a process are kept; the one that ended first is dropped first."""

MOST_RUNS = 64
"""CI runs of one cgroup that have processes at a time, and as many that have ended: what runs
there can name a new run at every exec."""

_MOST_LINGERING = 512  # ended jobs in a snapshot, each of which is a kilobyte of JSON

LINGER_NS = 60 * NS_PER_SECOND
"""An ended job stays in the snapshots for so long: every reader sees its last figures, and
a node that ran a thousand jobs does not show them all."""

_MAX_MADE = 4096  # cgroups made during the watch in which no job has begun yet
_NOT_READ = CgroupCounters()


class JobRegister:
    """Opens, closes and finally drops the accounts of jobs."""

    def __init__(self) -> None:
        self._live: dict[str, JobAccount] = {}
        self._ended: dict[str, JobAccount] = {}  # in the order in which they ended
        self._cgroups: dict[int, CgroupAccount] = {}
        self._made: dict[int, None] = {}  # an ordered set
        self._left: set[JobAccount] = set()  # jobs with a history to forget
        self.forgotten = 0

    def admits(self, identity: JobIdentity) -> bool:
        """Whether its cgroup has room for this CI run. There is for any other job."""
        if not identity.is_run or identity.key in self._live or identity.key in self._ended:
            return True
        cgroup = self._cgroups.get(identity.cgroup_id)
        return cgroup is None or sum(bool(job.processes) for job in cgroup.jobs) < MOST_RUNS

    def job(self, identity: JobIdentity, now_ns: int) -> JobAccount:
        """The account of this job; a new one has no process yet, and counts as ended."""
        job = self._live.get(identity.key) or self._ended.get(identity.key)
        if job is None:
            job = self._ended[identity.key] = JobAccount(identity, began_ns=now_ns)
            cgroup = self._cgroup(identity.cgroup_id)
            cgroup.run(job)
            ended = [it for it in cgroup.jobs if not it.processes and it is not job]
            ended.sort(key=lambda it: it.ended_ns)
            for other in ended[: max(0, len(ended) - MOST_RUNS)]:
                self._drop(other)
        elif identity.cgroup and not job.identity.cgroup:
            job.identity = identity  # its first process ended before its cgroup was read
        elif identity.cgroup_id != job.identity.cgroup_id and not job.processes:
            self._move_to_new_cgroup(job, identity)
        return job

    def _move_to_new_cgroup(self, job: JobAccount, identity: JobIdentity) -> None:
        """A service was restarted, in a new cgroup with the same path."""
        before = self._cgroups.get(job.identity.cgroup_id)
        if before is not None:
            before.forget(job)
            if not before.jobs:
                del self._cgroups[job.identity.cgroup_id]
        job.identity, job.cgroup, job.gone = identity, _NOT_READ, False
        self._cgroup(identity.cgroup_id).run(job)

    def job_in(self, cgroup_id: int) -> JobIdentity | None:
        """The latest job of a cgroup; None if none was in it."""
        job = _named(None, self._cgroups.get(cgroup_id))
        return None if job is None else job.identity

    def runs_in(self, cgroup_id: int) -> bool:
        """Whether a job in this cgroup has a process."""
        cgroup = self._cgroups.get(cgroup_id)
        return cgroup is not None and any(job.processes for job in cgroup.jobs)

    def join(self, process: ProcessAccount) -> None:
        """The process runs in `process.job` from here on."""
        job = process.job
        if not job.processes:
            del self._ended[job.identity.key]
            self._live[job.identity.key] = job
            self._cgroup(job.identity.cgroup_id).run(job)
            job.gone = False  # events out of order: a process has a cgroup
        job.enter(process)

    def leave(self, process: ProcessAccount, now_ns: int) -> None:
        """The process is not in `process.job` any more."""
        job = process.job
        job.leave(process, now_ns)
        if not job.processes:
            del self._live[job.identity.key]
            self._ended[job.identity.key] = job

    @property
    def live(self) -> list[JobAccount]:
        """Jobs with a process."""
        return list(self._live.values())

    def recent(self, now_ns: int) -> list[JobAccount]:
        """Jobs with a process, then those that ended a short while ago, the latest first.

        Of those there are 512 at most.
        """
        ended = itertools.takewhile(
            lambda job: now_ns - job.ended_ns < LINGER_NS, reversed(self._ended.values())
        )
        return [*self.live, *itertools.islice(ended, _MOST_LINGERING)]

    def __iter__(self) -> Iterator[JobAccount]:
        yield from self._live.values()
        yield from self._ended.values()

    def cgroup_made(self, cgroup_id: int) -> None:
        """A cgroup was created during the watch."""
        self._made[cgroup_id] = None
        if len(self._made) > _MAX_MADE:
            del self._made[next(iter(self._made))]

    def cgroup_read(self, cgroup_id: int, counters: CgroupCounters) -> list[Stalled]:
        """Record a cgroup's counters. Returns the jobs whose stalls rose."""
        cgroup = self._cgroups.get(cgroup_id)
        return cgroup.read(counters) if cgroup else []

    def cgroup_pressed(self, cgroup_id: int, pressure: CgroupPressure) -> list[Pressed]:
        """Record the time its tasks lost. Returns the jobs they belong to."""
        cgroup = self._cgroups.get(cgroup_id)
        return cgroup.pressed(pressure) if cgroup else []

    def cgroup_gone(self, cgroup_id: int, counters: CgroupCounters) -> list[Stalled]:
        """Record its last counters: no job will be charged there again."""
        self._made.pop(cgroup_id, None)
        cgroup = self._cgroups.pop(cgroup_id, None)
        return cgroup.go(counters) if cgroup else []

    def killed(
        self, event: OomKilled, identity: JobIdentity | None, victim: ProcessAccount | None
    ) -> JobAccount | None:
        """Count the kill against its job, which is returned; None for an unknown job.

        The event's counters are those of the victim's cgroup, with this kill in them.
        """
        cgroup = self._cgroups.get(event.cgroup_id)
        job = victim.job if victim else _named(identity, cgroup)
        if job is None and event.tracked and identity is not None:  # its start was lost
            job = self.job(identity, event.time_ns)
            cgroup = self._cgroups.get(event.cgroup_id)
        if job is None:
            return None
        charged = cgroup or self._cgroups.get(job.identity.cgroup_id)
        if charged is None:
            job.oom_kills += 1
        else:
            charged.killed(job)
        if cgroup is not None and event.cgroup != _NOT_READ:
            cgroup.read(event.cgroup)
        return job

    def left(self, jobs: Iterable[JobAccount]) -> None:
        """These jobs are not in the snapshots any more."""
        self._left.update(jobs)

    def returned(self, jobs: Iterable[JobAccount]) -> None:
        """These are in the snapshots."""
        self._left.difference_update(jobs)

    def forget_old_histories(self, now_ns: int) -> None:
        """Forget the history of jobs without a sample for 30 s. Call it once a snapshot."""
        if self._left:
            self._left -= {job for job in self._left if job.history.forget_old(now_ns)}

    def forget_old(self, most: int | None = None) -> None:
        """Drop the oldest ended jobs above the bound. To be called after every event."""
        while len(self._ended) > (MAX_ENDED_JOBS if most is None else most):
            self._drop(self._ended[next(iter(self._ended))])

    def _drop(self, job: JobAccount) -> None:
        """Forget an ended job."""
        del self._ended[job.identity.key]
        self.forgotten += 1
        cgroup = self._cgroups.get(job.identity.cgroup_id)
        if cgroup is not None:
            cgroup.forget(job)
            if not cgroup.jobs:
                del self._cgroups[job.identity.cgroup_id]

    def _cgroup(self, cgroup_id: int) -> CgroupAccount:
        cgroup = self._cgroups.get(cgroup_id)
        if cgroup is None:
            made = cgroup_id in self._made
            self._made.pop(cgroup_id, None)
            cgroup = self._cgroups[cgroup_id] = CgroupAccount(made=made)
        return cgroup


def _named(identity: JobIdentity | None, cgroup: CgroupAccount | None) -> JobAccount | None:
    """The job of that identity if it is present in the cgroup, else the latest there."""
    if cgroup is None or not cgroup.jobs:
        return None
    known = identity.key if identity else ""
    present = cgroup.present
    return next((job for job in present if job.identity.key == known), present[-1])
