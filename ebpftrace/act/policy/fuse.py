"""The fuse of a policy. The kernel side is bpf/fuse.h."""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import FuseScope


class FuseAction(StrEnum):
    """The signal for a process that crosses the bound."""

    STOP = "stop"  # SIGSTOP, until the ladder has run
    KILL = "kill"  # SIGKILL, and no ladder


class FuseEnd(StrEnum):
    """What becomes of a process that is still stopped after the ladder."""

    KILL = "kill"
    THAW = "thaw"  # it is resumed, with a higher bound


class FuseResumed(StrEnum):
    """What becomes of a stopped process that other programs resume five times in a second."""

    KILL = "kill"  # SIGKILL, by the kernel side
    STOP = "stop"  # it is stopped again, each time


@dataclass(frozen=True, slots=True)
class Fuse:
    """`bound` is bytes, or where `share` is set a share (0..1) of the tightest limit.

    `backstop`: no fuse was asked for; it covers a policy that waits for evidence. `resumed`
    None: it is killed only where three quarters of the limit are taken.
    """

    bound: float
    share: bool
    scope: FuseScope = FuseScope.JOB
    action: FuseAction = FuseAction.STOP
    then: FuseEnd = FuseEnd.KILL
    backstop: bool = False
    resumed: FuseResumed | None = None


BACKSTOP_SHARE = 0.95

_LAST_PART = 0.7
"""Of the room that a backstop leaves: with less left, the whole ladder runs. A process that
was resumed at the backstop is stopped again when half of that room is taken."""


def backstop(share: float = BACKSTOP_SHARE) -> Fuse:
    """The fuse of a policy that acts on the built-in judgement.

    What its ladder does not end is resumed: a ladder that only notifies ends no process.
    """
    return Fuse(share, True, then=FuseEnd.THAW, backstop=True)


def only_saves_evidence(fuse: Fuse, used_share: float | None) -> bool:
    """Whether there is room for another stop at this usage, so that nothing is ended yet.

    Healthy jobs were seen to end well with 96 % of their limit taken.
    """
    if not fuse.backstop or used_share is None:
        return False
    return used_share < 1 - (1 - fuse.bound) * _LAST_PART
