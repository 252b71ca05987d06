"""The fuse, as typed values: its bound, and what is told of it. Nothing here does anything.

The kernel side stops who crosses (bpf/fuse.h); here is what a policy asks of it and what
becomes of who was stopped.
"""

from dataclasses import dataclass
from enum import StrEnum

from ebpftrace.events import FuseOf, ProcessKey
from ebpftrace.jobs.identity import JobIdentity


class FuseEventKind(StrEnum):
    """What is told of one process and its fuse."""

    STOPPED = "stopped"  # it stands
    KILLED = "killed"  # by the kernel side, at the bound
    THAWED = "thawed"  # it goes on
    ENDED = "ended"  # it ended while it stood


class UserCommandKind(StrEnum):
    """What a user can ask for of a process that stands."""

    THAW = "thaw"
    END = "end"  # SIGKILL


@dataclass(frozen=True, slots=True)
class UserCommand:
    """A user asks for it now, without waiting for the ladder. Whoever gets it decides."""

    kind: UserCommandKind
    process: ProcessKey


@dataclass(frozen=True, slots=True)
class FuseEvent:
    """One word about one process. Sizes are bytes.

    `held_bytes` is the process's own and `measured_bytes` what crossed `bound_bytes`, both
    as it was stopped; `next_bound_bytes` where it will be stopped next, once thawed (None:
    nowhere). `stood_ns` is how long it stood, 0 as it is stopped. `then` says what happens
    next, in words: "capture, shell, then SIGKILL". Times as for a step's outcome.
    """

    word: FuseEventKind
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
