"""Views draw frozen snapshots, notes and findings. None reads the kernel or changes it."""

from typing import Protocol

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.acts import Remark
from ebpftrace.views.start import Started


class View(Protocol):
    """One output of a watch. The road calls it on one thread, in this order."""

    def start(self, started: Started) -> None:
        """The probes are attached; nothing was read yet."""

    def note(self, note: Note) -> None:
        """Something happened between two snapshots."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """The books, once an interval."""

    def finding(self, finding: Finding) -> None:
        """The judge said something: a finding began, became more severe, or ended."""

    def step(self, step: StepOutcome) -> None:
        """The breaker climbed one rung of a ladder."""

    def outcome(self, outcome: Outcome) -> None:
        """An incident is over: whether it helped."""

    def fuse(self, news: FuseEvent) -> None:
        """A process was stopped or killed at its bound, goes on, or ended as it stood."""

    def remark(self, remark: Remark) -> None:
        """Something about the watch itself: policies were read again, a log is full."""

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """The watch ended; `snapshot` has every job ever seen, with its peaks."""

    def stop(self) -> None:
        """Last, also after an error and without an `end`: the terminal is given back."""


__all__ = ["View"]
