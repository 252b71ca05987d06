"""Which jobs and processes the table shows when the terminal is too low for all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.views.level import level


@dataclass(frozen=True, slots=True)
class More:
    """What is not shown: how many jobs, or how many processes of the job above."""

    hidden: int
    what: str  # "job" or "process"
    resident_bytes: int
    alarm: bool = False  # a job among them is near its limit, or lost a process to it


Row = JobSnapshot | ProcessSnapshot | More


def choose_rows(jobs: Sequence[JobSnapshot], height: int) -> list[Row]:
    """At most `height` rows, the largest of each kind first; what is left out is counted.

    Processes give way before jobs: every job shows as many of them as fit for all, and
    the largest jobs one more while lines are left. Jobs are left out last.
    """
    if len(jobs) > height:
        if height < 1:
            return []
        kept, hidden = jobs[: height - 1], jobs[height - 1 :]
        held = sum(job.usage.resident_bytes for job in hidden)
        alarm = any(job.oom_kills or level(job) == "near" for job in hidden)
        return [*kept, More(len(hidden), "job", held, alarm)]
    shown = max((len(job.processes) for job in jobs), default=0)
    while sum(_height(job, shown) for job in jobs) > height:
        shown -= 1
    left = height - sum(_height(job, shown) for job in jobs)
    rows: list[Row] = []
    for job in jobs:
        one_more = _height(job, shown + 1) - _height(job, shown)
        extra = one_more <= left
        left -= one_more if extra else 0
        rows += _rows(job, shown + extra)
    return rows


def _height(job: JobSnapshot, shown: int) -> int:
    """Lines of a job with `shown` processes; the line that counts the rest could be one."""
    return 1 + (min(len(job.processes), shown + 1) if shown else 0)


def _rows(job: JobSnapshot, shown: int) -> Iterator[Row]:
    yield job
    if shown == 0:
        return
    fits = len(job.processes) <= shown + 1
    yield from job.processes if fits else job.processes[:shown]
    if not fits:
        hidden = job.processes[shown:]
        held = sum(process.own.resident_bytes for process in hidden)
        yield More(len(hidden), "process", held)
