"""Views show frozen snapshots, notes and findings. No view reads or changes the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ebpftrace.act.fuse.events import FuseEvent
    from ebpftrace.act.incident.outcome import Outcome, StepOutcome
    from ebpftrace.judge.finding import Finding
    from ebpftrace.ledger import Note, Snapshot
    from ebpftrace.views.start import Remark, Started


class View(Protocol):
    """One output of a watch. The engine calls it on one thread, in this order."""

    def start(self, started: Started) -> None:
        """The probes are attached; nothing has been read yet."""

    def note(self, note: Note) -> None:
        """Something happened between two snapshots."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """The state of all jobs, once per interval."""

    def finding(self, finding: Finding) -> None:
        """A finding began, became more severe, or ended."""

    def step(self, step: StepOutcome) -> None:
        """A step of an incident ended, or was skipped."""

    def outcome(self, outcome: Outcome) -> None:
        """An incident ended: whether its steps helped."""

    def fuse(self, event: FuseEvent) -> None:
        """A fuse stopped or killed a process, or a stopped process was resumed or ended."""

    def remark(self, remark: Remark) -> None:
        """A message about the watch itself: policies were reloaded, a log is full."""

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """The watch ended; `snapshot` has every job ever seen, with its peaks."""

    def stop(self) -> None:
        """Called last, also after an error and without an `end`: restore the terminal."""


__all__ = ["View"]
