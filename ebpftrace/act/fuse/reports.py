"""Logs and reports what becomes of stopped processes, within the shares of their jobs.

A job whose stopped processes are killed by one another could have incidents without end. What
is beyond its share stays stopped until the next minute.
"""

from collections.abc import Callable
from typing import Protocol

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.fuse.lines import FuseLines, HeldBack
from ebpftrace.job_shares import JobShares, nodes_of
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import NS_PER_SECOND

_PERIOD_NS = 60 * NS_PER_SECOND
_MOST_INCIDENTS = 64  # that fuses start, within a period


class FuseLog(Protocol):
    """Where they are logged: `ebpftrace.act.breaker.breaker.Breaker`."""

    def log_fuse_event(self, event: FuseEvent) -> None: ...

    def log_fuse_kill(self, event: FuseEvent) -> None: ...

    def log_held_back(self, held_back: HeldBack) -> None: ...


class FuseReports:
    """`report` gets the events, `remark` a sentence about those that it does not get."""

    def __init__(
        self,
        log: FuseLog,
        report: Callable[[FuseEvent], None],
        remark: Callable[[str], None],
        clock: Callable[[], int],
    ) -> None:
        self._log = log
        self._report, self._remark = report, remark
        self._clock = clock
        self._lines = FuseLines(clock)
        self._incidents = JobShares(_MOST_INCIDENTS, _PERIOD_NS)
        self._waits_told_ns: int | None = None

    def add(self, events: list[FuseEvent]) -> list[FuseEvent]:
        """Log and report them; returns all, also those without a line."""
        for event in events:
            if self._lines.admits(event):
                self._log.log_fuse_event(event)
                self._report(event)
        return events

    def add_kill(self, event: FuseEvent) -> None:
        """The kernel killed a process."""
        self._log.log_fuse_kill(event)
        self._report(event)

    def may_start(self, job: JobIdentity) -> bool:
        """Whether a job may have one incident more now; says once a minute if one may not."""
        now_ns, told_ns = self._clock(), self._waits_told_ns
        if self._incidents.take(nodes_of(job.cgroup), now_ns):
            return True
        if told_ns is None or now_ns - told_ns >= _PERIOD_NS:
            self._waits_told_ns = now_ns
            self._remark(
                f"the fuse of {job.name} had its share of incidents within this minute: "
                "further processes that it stops wait for the next"
            )
        return False

    def sum_up(self, *, last: bool = False) -> None:
        """Log and say how many had no line, if that is due. Call it with each snapshot."""
        held_back = self._lines.take(last=last)
        if held_back is not None:
            self._log.log_held_back(held_back)
            self._remark(held_back.sentence)
