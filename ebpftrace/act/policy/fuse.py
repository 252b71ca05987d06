"""What a policy asks of its fuse. The kernel side is bpf/fuse.h."""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import FuseScope


class FuseAction(StrEnum):
    """What the kernel sends who crosses."""

    STOP = "stop"  # SIGSTOP: it stands while the ladder is climbed
    KILL = "kill"  # SIGKILL: that is the whole action


class FuseEnd(StrEnum):
    """What becomes of who still stands once the ladder was climbed."""

    KILL = "kill"
    THAW = "thaw"  # it goes on, and the fuse is armed again higher up


@dataclass(frozen=True, slots=True)
class Fuse:
    """`bound` is bytes, or where `share` is set a share (0..1) of the tightest limit."""

    bound: float
    share: bool
    scope: FuseScope = FuseScope.JOB
    action: FuseAction = FuseAction.STOP
    then: FuseEnd = FuseEnd.KILL
