"""An action that was started: it is polled, can be stopped, and is never waited on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.undo import Undo


@dataclass(frozen=True, slots=True)
class Ended:
    """How an action ended. `detail` is one cleaned line.

    `output` is what a hook printed, bounded; `evidence` the folder that a capture made.
    `signal` is the last signal that the targets had before they ended: "TERM".
    """

    status: StepStatus
    detail: str
    output: bytes = b""
    evidence: Path | None = None
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A capture read its evidence and now writes it into a folder, and that to the disk.

    Hooks can start already; no target is ended before.
    """

    evidence: Path  # there once it is complete


class Running(Protocol):
    """An action between its start and its end. All times are CLOCK_MONOTONIC nanoseconds.

    No method waits.
    """

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""

    @property
    def due_ns(self) -> int | None:
        """Poll by then, at the latest; None: only the descriptors matter."""

    @property
    def undo(self) -> Undo | None:
        """How its change is undone once the incident has ended, however the action ends."""

    def poll(self, now_ns: int) -> Ended | Read | None:
        """Take the next step. Returns how the action ended, or None while it runs."""

    def cancel(self, now_ns: int) -> bool:
        """Begin to end it: its timeout has elapsed.

        True: poll on; it ends within a second, and `stop` then returns what was left.
        False: `stop` is enough.
        """

    def stop(self) -> str:
        """End what it began and close its descriptors. Returns what was left, in words.

        Called once, after the end or instead of it.
        """


@dataclass(frozen=True, slots=True)
class Finished:
    """An action that ended as soon as it was started."""

    ended: Ended
    undo: Undo | None = None

    @property
    def fds(self) -> tuple[int, ...]:
        return ()

    @property
    def due_ns(self) -> int | None:
        return 0

    def poll(self, now_ns: int) -> Ended | None:
        return self.ended

    def cancel(self, now_ns: int) -> bool:
        return False

    def stop(self) -> str:
        return ""


def finished(status: StepStatus, detail: str, *, undo: Undo | None = None) -> Finished:
    """An action that ended at once."""
    return Finished(Ended(status, detail), undo)
