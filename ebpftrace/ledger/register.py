"""All the jobs there are: those with a process, those that ended, and who shares a cgroup."""

from collections.abc import Iterator

from ebpftrace.events import JobIdentity
from ebpftrace.ledger.accounts import JobAccount, ProcessAccount

MAX_ENDED_JOBS = 4096
"""Jobs without a process that are remembered; the one that ended first is forgotten first."""


class JobRegister:
    """Opens, closes and, at last, forgets the accounts of jobs."""

    def __init__(self) -> None:
        self._live: dict[str, JobAccount] = {}
        self._ended: dict[str, JobAccount] = {}  # in the order in which they ended
        self._by_cgroup: dict[int, list[JobAccount]] = {}  # in the order in which they began
        self.forgotten = 0

    def job(self, identity: JobIdentity, now_ns: int) -> JobAccount:
        """The account of this job; a new one has no process yet, and counts as ended."""
        job = self._live.get(identity.key) or self._ended.get(identity.key)
        if job is None:
            earlier = self._by_cgroup.setdefault(identity.cgroup_id, [])
            job = self._ended[identity.key] = JobAccount(
                identity,
                began_ns=now_ns,
                stalls_before=max((one.cgroup.stalls for one in earlier), default=0),
                stalled_before_ns=max((one.cgroup.stalled_ns for one in earlier), default=0),
            )
            earlier.append(job)
        return job

    def join(self, process: ProcessAccount) -> None:
        """The process runs in `process.job` from here on."""
        job = process.job
        if not job.processes:
            self._ended.pop(job.identity.key, None)
            self._live[job.identity.key] = job
            job.see_first(process)
        if job.gone:  # told out of order: where a process is, there is a cgroup
            job.gone = False
            self._by_cgroup.setdefault(job.identity.cgroup_id, []).append(job)
        job.processes[process.key] = process

    def leave(self, process: ProcessAccount) -> None:
        """The process is not in `process.job` any more."""
        job = process.job
        job.see_peak(process)
        del job.processes[process.key]
        if not job.processes:
            job.end()
            del self._live[job.identity.key]
            self._ended[job.identity.key] = job

    @property
    def live(self) -> list[JobAccount]:
        """Jobs with a process."""
        return list(self._live.values())

    def __iter__(self) -> Iterator[JobAccount]:
        yield from self._live.values()
        yield from self._ended.values()

    def in_cgroup(self, cgroup_id: int) -> list[JobAccount]:
        """The jobs a cgroup's counters now speak of: those with a process, else the last."""
        jobs = self._by_cgroup.get(cgroup_id, [])
        return [job for job in jobs if job.processes] or jobs[-1:]

    def cgroup_gone(self, cgroup_id: int) -> None:
        """No job will be charged there again."""
        for job in self._by_cgroup.pop(cgroup_id, []):
            job.gone = True

    def forget_old(self) -> None:
        """Hold the bound; to be called when an event was booked, whatever it was."""
        while len(self._ended) > MAX_ENDED_JOBS:
            job = self._ended.pop(next(iter(self._ended)))
            self.forgotten += 1
            shared = self._by_cgroup.get(job.identity.cgroup_id, [])
            if job in shared:
                shared.remove(job)
            if not shared:
                self._by_cgroup.pop(job.identity.cgroup_id, None)
