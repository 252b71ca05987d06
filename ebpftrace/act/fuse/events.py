"""Events and commands of the fuse, as plain values."""

from enum import StrEnum
from typing import NamedTuple

from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity


class FuseEventKind(StrEnum):
    """What happened to a process at its fuse."""

    STOPPED = "stopped"
    KILLED = "killed"  # by the kernel, at the bound
    THAWED = "thawed"  # a stopped process was resumed
    ENDED = "ended"  # a stopped process ended


class UserCommandKind(StrEnum):
    """What a user can do with a stopped process."""

    THAW = "thaw"
    END = "end"  # SIGKILL


class UserCommand(NamedTuple):
    """A user decides on a stopped process now, without waiting for the ladder."""

    kind: UserCommandKind
    process: ProcessKey


class FuseEvent(NamedTuple):
    """One event of one process. Sizes are bytes.

    `held_bytes` is the process's own usage and `measured_bytes` the usage that crossed
    `bound_bytes`, both at the stop. `next_bound_bytes` is where a thawed process is stopped
    again (None: nowhere). `stopped_ns` is how long it was stopped, 0 at the stop itself.
    `limit_name` describes a limit that the job shares, if `limit_bytes` is that.
    `next_steps` describes what happens next: "capture, shell, then SIGKILL". `monotonic_ns`
    is CLOCK_MONOTONIC, `time_ns` Unix time. `resumed` is how often other programs resumed it
    within a second, where it was killed for that. `filled`: another process wrote to its
    memory.
    """

    kind: FuseEventKind
    policy: str
    job: JobIdentity
    process: ProcessKey
    comm: str
    scope: FuseScope
    held_bytes: int
    measured_bytes: int
    bound_bytes: int
    limit_bytes: int | None
    next_bound_bytes: int | None
    stopped_ns: int
    next_steps: str
    sentence: str
    monotonic_ns: int
    time_ns: int
    limit_name: str = ""
    resumed: int = 0
    filled: bool = False
