"""What every action that was started is: polled, told to stop, and never waited on."""

import select
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.undo import Undo


@dataclass(frozen=True, slots=True)
class Ended:
    """How an action ended. `detail` is one cleaned line.

    `output` is what a hook printed, bounded; `evidence` the folder a capture made.
    """

    status: StepStatus
    detail: str
    output: bytes = b""
    evidence: Path | None = None


class Running(Protocol):
    """An action between its start and its end. All times are CLOCK_MONOTONIC nanoseconds."""

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""

    @property
    def due_ns(self) -> int | None:
        """Poll by then, at the latest; None: only the descriptors matter."""

    @property
    def undo(self) -> Undo | None:
        """What has to be put back once the incident is over, however this ends."""

    def poll(self, now_ns: int) -> Ended | None:
        """Take the next step without waiting; how it ended, or None: not yet."""

    def stop(self) -> str:
        """Ends what it began and gives back its descriptors; what had to be left, in words.

        Called once, after the end or instead of it.
        """


@dataclass(frozen=True, slots=True)
class Over:
    """An action that was over as soon as it was started."""

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

    def stop(self) -> str:
        return ""


def over(status: StepStatus, detail: str, *, undo: Undo | None = None) -> Over:
    """An action that ended at once."""
    return Over(Ended(status, detail), undo)


def readable(fd: int) -> bool:
    """Whether a read of it would not wait; for a pidfd: whether the process has ended."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
