"""quota: a job takes so much of a table of the kernel side that something was missed.

It is found from what the kernel side reports and not from snapshots: most of the processes
that it is about are in none.
"""

from collections.abc import Iterable

from ebpftrace.events import QuotaReached, SharedTable
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge import words
from ebpftrace.judge.finding import Finding, FindingState, FindingUnit, Severity, Subject
from ebpftrace.units import NS_PER_SECOND

NAME = "quota"

HOLD_NS = 60 * NS_PER_SECOND
"""A finding ends when nothing has been missed for so long."""

_MOST = 64  # findings in force

_TABLES = {
    SharedTable.PROCESSES: ("processes that can be watched", "not watched"),
    SharedTable.CGROUPS: ("cgroups that can be watched", "without limit, charge and fuse"),
    SharedTable.LINEAGE: ("descendants that --children can follow", "not followed"),
    SharedTable.RECLAIM: ("threads whose stalls can be timed", "not timed"),
    SharedTable.STOPPED: ("processes that a fuse can stop", "not stopped"),
}
"""What a table has, and what becomes of that for which there is no room."""


class QuotaFindings:
    """Findings named `quota:processes` and the like, one for each job and table."""

    def __init__(self) -> None:
        self._active: dict[tuple[str, str], Finding] = {}
        self._missed: dict[tuple[str, str], int] = {}

    def judge(
        self, reached: Iterable[tuple[QuotaReached, JobIdentity]], time_ns: int, now_ns: int
    ) -> list[Finding]:
        """What is to be reported now (Unix time and CLOCK_MONOTONIC): begins and ends.

        `reached` is what was reported since the last call, each with its job.
        """
        news = []
        for event, job in reached:
            key = (job.key, str(event.table))
            missed = self._missed[key] = self._missed.get(key, 0) + event.missed
            finding = _finding(event, job, missed, time_ns, now_ns)
            known = self._active.pop(key, None)
            if known is None:
                news.append(finding._replace(state=FindingState.BEGIN))
            else:
                finding = finding._replace(since_ns=known.since_ns)
            self._active[key] = finding  # as the last one
        for number, (key, finding) in enumerate(list(self._active.items())):
            too_many = len(self._active) - number > _MOST
            if too_many or now_ns - finding.monotonic_ns > HOLD_NS:
                del self._active[key], self._missed[key]
                news.append(_ended(finding, time_ns, now_ns))
        return news


def _finding(
    event: QuotaReached, job: JobIdentity, missed: int, time_ns: int, now_ns: int
) -> Finding:
    what, becomes = _TABLES[event.table]
    return Finding(
        detector=f"{NAME}:{event.table}",
        subject=Subject(job),
        severity=Severity.WARNING,
        measured=event.entries,
        bound=event.size,
        unit=FindingUnit.ENTRIES,
        measures_gain=False,
        since_ns=now_ns,
        time_ns=time_ns,
        monotonic_ns=now_ns,
        seconds_to_limit=None,
        sentence=f"{_label(job)} has {event.entries:,} of the {event.size:,} {what}; "
        f"{missed:,} more {'is' if missed == 1 else 'are'} {becomes}",
        state=FindingState.CONTINUE,
    )


def _ended(finding: Finding, time_ns: int, now_ns: int) -> Finding:
    lasted = words.seconds((now_ns - finding.since_ns) / NS_PER_SECOND)
    return finding._replace(
        state=FindingState.END,
        time_ns=time_ns,
        monotonic_ns=now_ns,
        sentence=f"{_label(finding.subject.job)}: {finding.detector} is over, after {lasted}",
    )


def _label(job: JobIdentity) -> str:
    return f"job {job.kind}/{job.name}"
