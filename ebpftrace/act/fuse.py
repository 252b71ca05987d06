"""The fuse, as typed values: its bound, and what is told of it. Nothing here does anything.

The kernel side stops who crosses (bpf/fuse.h); here is what a policy asks of it and what
becomes of who was stopped.
"""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import FuseOf, ProcessKey
from ebpftrace.jobs.identity import JobIdentity


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
    of: FuseOf = FuseOf.JOB
    action: FuseAction = FuseAction.STOP
    then: FuseEnd = FuseEnd.KILL


class FuseWord(StrEnum):
    """What is told of one process and its fuse."""

    STOPPED = "stopped"  # it stands
    KILLED = "killed"  # by the kernel side, at the bound
    THAWED = "thawed"  # it goes on
    ENDED = "ended"  # it ended while it stood


class WishKind(StrEnum):
    """What a user can ask for of a process that stands."""

    THAW = "thaw"
    END = "end"  # SIGKILL


@dataclass(frozen=True, slots=True)
class Wish:
    """A user asks for it now, without waiting for the ladder. Whoever gets it decides."""

    kind: WishKind
    process: ProcessKey


@dataclass(frozen=True, slots=True)
class FuseNews:
    """One word about one process. Sizes are bytes.

    `held_bytes` is the process's own and `measured_bytes` what crossed `bound_bytes`, both
    as it was stopped; `next_bound_bytes` where it will be stopped next, once thawed (None:
    nowhere). `stood_ns` is how long it stood, 0 as it is stopped. `then` says what happens
    next, in words: "capture, shell, then SIGKILL". Times as for a step's outcome.
    """

    word: FuseWord
    policy: str
    job: JobIdentity
    process: ProcessKey
    comm: str
    of: FuseOf
    held_bytes: int
    measured_bytes: int
    bound_bytes: int
    limit_bytes: int | None
    next_bound_bytes: int | None
    stood_ns: int
    then: str
    sentence: str
    monotonic_ns: int
    time_ns: int
