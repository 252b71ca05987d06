"""One memory cgroup's counters, and which of the jobs in it they are charged to."""

from ebpftrace.counters import CgroupCounters, CgroupPressure
from ebpftrace.ledger.accounts import JobAccount

Stalled = tuple[JobAccount, int, int]
"""A job, for how long its tasks waited for memory since that was last read (ns), how often."""


Pressed = tuple[JobAccount, int, int, int]
"""A job, for how long some and all of its tasks waited, and within which time; ns."""


class CgroupAccount:
    """Jobs that share a cgroup (CI runs on a bare runner) take turns, or run side by side.

    Its counters go to every job with live processes, or to the last one that had some. An
    oom kill goes to one job only: the victim's, or, where only the cgroup's counter shows
    it, the latest. A kill is reported twice, as an event and by the counter, in either
    order; it is charged once, and either report may be lost.
    """

    __slots__ = (
        "_by_counter", "_kills_before", "_kills_charged", "_kills_known", "_last", "jobs",
    )  # fmt: skip

    def __init__(self, *, made: bool) -> None:
        """`made`: created during the watch, so that none of its kills is older than that."""
        self.jobs: list[JobAccount] = []  # the latest to run comes last
        self._last = CgroupCounters()
        self._kills_known: int | None = 0 if made else None  # the kernel's count, at least
        self._kills_before = self._kills_known
        self._kills_charged = 0
        self._by_counter: list[tuple[JobAccount, int]] = []  # charged by the counter alone

    @property
    def present(self) -> list[JobAccount]:
        """Those with live processes, else the one that last had some; the latest last."""
        return [job for job in self.jobs if job.processes] or self.jobs[-1:]

    def run(self, job: JobAccount) -> None:
        """A process is about to enter this job."""
        if self.jobs and (self.jobs[-1] is job or (job.processes and job in self.jobs)):
            return
        if self.jobs and not any(other.processes for other in self.jobs):
            # The cgroup was not read since the last job ended: a process that was killed
            # meanwhile was not of the new one.
            self._kills_before, self._kills_charged = None, 0
            self._by_counter.clear()
        self.forget(job)
        self.jobs.append(job)

    def forget(self, job: JobAccount) -> None:
        """No counter will be charged to this job any more."""
        if job in self.jobs:
            self.jobs.remove(job)

    def killed(self, victim: JobAccount) -> None:
        """An oom kill was reported; `victim` is the job it is charged to."""
        victim.oom_kills += 1
        if not self._by_counter:
            self._kills_charged += 1
            return
        entry = next(
            (charged for charged in self._by_counter if charged[0] is victim),
            self._by_counter[-1],
        )
        job, count = entry
        job.oom_kills -= 1
        self._by_counter.remove(entry)
        if count > 1:
            self._by_counter.append((job, count - 1))

    def read(self, counters: CgroupCounters) -> list[Stalled]:
        """Record new counters. Returns the jobs whose stalls rose."""
        last = self._last
        # They only rise; those that come with an oom kill have none.
        stalled_ns = max(0, counters.stalled_ns - last.stalled_ns)
        stalls = max(0, counters.stalls - last.stalls)
        if counters.stalls < last.stalls or counters.stalled_ns < last.stalled_ns:
            counters = counters._replace(
                stalled_ns=last.stalled_ns + stalled_ns,
                stalls=last.stalls + stalls,
            )
        if counters.pressure is None:  # those of a kill and of a cgroup that went
            counters = counters._replace(pressure=last.pressure)
        if counters == last:
            counters = last  # the same object for all that keep it
        self._last = counters
        self._count_kills(counters.oom_kills)
        present = self.present
        for job in present:
            job.cgroup = counters
            job.stalled_ns += stalled_ns
            job.stalls += stalls
        return [(job, stalled_ns, stalls) for job in present if stalls]

    def pressed(self, pressure: CgroupPressure) -> list[Pressed]:
        """Record the time lost. Returns how much each job lost since it was last read."""
        last = self._last.pressure
        self._last = self._last._replace(pressure=pressure)
        for job in self.present:
            job.cgroup = self._last
        if last is None:
            return []
        some, full = pressure.some_ns - last.some_ns, pressure.full_ns - last.full_ns
        return [(job, some, full, pressure.time_ns - last.time_ns) for job in self.present]

    def go(self, counters: CgroupCounters) -> list[Stalled]:
        """Record the last counters of a cgroup that was removed."""
        if self._kills_before is None:  # not read since this job began
            self._kills_before = self._kills_known
        rose = self.read(counters)
        for job in self.jobs:
            job.gone = True
        return rose

    def _count_kills(self, kills: int) -> None:
        self._kills_known = max(kills, self._kills_known or 0)
        if self._kills_before is None:
            self._kills_before = kills - self._kills_charged
        unreported = kills - self._kills_before - self._kills_charged
        if unreported > 0 and self.jobs:
            job = self.present[-1]
            job.oom_kills += unreported
            self._kills_charged += unreported
            self._by_counter.append((job, unreported))
