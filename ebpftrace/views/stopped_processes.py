"""Processes that are stopped by a fuse now, and how many there were."""

from collections.abc import Mapping

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import ProcessChange, ProcessNote
from ebpftrace.views.entries import Entry

StoppedByKey = Mapping[ProcessKey, FuseEvent]
"""Each stopped process with the event of its stop."""


class StoppedProcesses:
    """Follows the events of a watch. The kernel side bounds how many processes it stops."""

    def __init__(self) -> None:
        self.stopped: StoppedByKey = {}
        self._counts = dict.fromkeys(FuseEventKind, 0)

    def update(self, entry: Entry) -> bool:
        """Take one entry. True if it changed which processes are stopped."""
        if isinstance(entry, ProcessNote) and entry.event is ProcessChange.EXIT:
            return self._remove(entry.key)
        if not isinstance(entry, FuseEvent):
            return False
        if entry.kind is FuseEventKind.STOPPED:
            self._counts[entry.kind] += entry.process not in self.stopped
            self.stopped = {**self.stopped, entry.process: entry}
            return True
        self._counts[entry.kind] += 1
        return self._remove(entry.process)

    def summary(self) -> str:
        """`3 stopped (2 thawed, 1 ended)`; empty if no fuse did anything."""
        counts = self._counts
        killed = counts[FuseEventKind.KILLED]
        parts = [f"{killed:,} killed at the bound"] if killed else []
        stopped = counts[FuseEventKind.STOPPED]
        if stopped:
            results = (
                (counts[FuseEventKind.THAWED], "thawed"),
                (counts[FuseEventKind.ENDED], "ended"),
                (len(self.stopped), "still stopped"),
            )
            became = ", ".join(f"{number:,} {result}" for number, result in results if number)
            parts.insert(0, f"{stopped:,} stopped" + (f" ({became})" if became else ""))
        return ", ".join(parts)

    def _remove(self, process: ProcessKey) -> bool:
        if process not in self.stopped:
            return False
        self.stopped = {key: event for key, event in self.stopped.items() if key != process}
        return True


def stopped_for_ns(event: FuseEvent, now_ns: int) -> int:
    """How long a process has been stopped at `now_ns` (CLOCK_MONOTONIC)."""
    return max(0, now_ns - event.monotonic_ns + event.stopped_ns)
