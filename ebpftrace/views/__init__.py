"""Views draw frozen snapshots and notes. None reads the kernel or changes anything."""

from typing import Protocol

from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.start import Started


class View(Protocol):
    """One output of a watch. The road calls it on one thread, in this order."""

    def start(self, started: Started) -> None:
        """The probes are attached; nothing was read yet."""

    def note(self, note: Note) -> None:
        """Something happened between two snapshots."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """The books, once an interval."""

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """The watch ended; `snapshot` has every job ever seen, with its peaks."""

    def stop(self) -> None:
        """Last, also after an error and without an `end`: the terminal is given back."""


__all__ = ["View"]
