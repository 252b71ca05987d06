"""Logs and reports what becomes of stopped processes, within the shares of their jobs."""

from collections.abc import Callable
from typing import Protocol

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.fuse.lines import FuseLines, HeldBack


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
        self._lines = FuseLines(clock)

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

    def sum_up(self, *, last: bool = False) -> None:
        """Log and say how many had no line, if that is due. Call it with each snapshot."""
        held_back = self._lines.take(last=last)
        if held_back is not None:
            self._log.log_held_back(held_back)
            self._remark(held_back.sentence)
