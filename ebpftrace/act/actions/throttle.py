"""throttle: slows the job's allocations by memory.high until the incident is over.

Above memory.high the kernel reclaims and puts its tasks to sleep. cgroup v2 only: v1 has
nothing of the kind (its soft limit slows nobody). Source: cgroup-v2.rst.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.control_files import (
    job_folder,
    read,
    undo,
    without_us,
    write,
)
from ebpftrace.act.actions.support.running import Ended, Running, over
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.units import NS_PER_SECOND, format_bytes

_PAGE = 4096


@dataclass(frozen=True, slots=True)
class ThrottleOptions:
    """Of one rung."""

    high_bytes: Annotated[int | None, "bytes", "what memory.high is set to"] = None
    share: Annotated[float, "share", "without `high`: a share of what is charged now"] = 1.0

    def __post_init__(self) -> None:
        if self.high_bytes is not None and self.share != 1.0:
            raise ValueError("high and share are both there, and one of them counts")


def start(incident: Incident, options: ThrottleOptions) -> Running:
    """On a thread: writing memory.high reclaims before it comes back."""
    try:
        folder = job_folder(incident)
        without_us(incident)
    except RefusedError as error:
        return over(StepStatus.SKIPPED, error.what)
    file = folder / "memory.high"
    if not file.exists():
        return over(StepStatus.FAILED, "memory.high needs cgroup v2, and this is v1")
    # Known before it is written: a throttle that hangs must be undone as well.
    back = undo(file, read(file), "memory.high")
    return Background("throttle", lambda _cancelled: _throttle(file, options), back)


def _throttle(file: Path, options: ThrottleOptions) -> Ended:
    charged = int(read(file.with_name("memory.current")))
    high = options.high_bytes
    if high is None:
        high = int(charged * options.share) // _PAGE * _PAGE
    write(file, str(high))
    return Ended(StepStatus.DONE, f"memory.high is {format_bytes(high)}")


ACTION = Action(
    name="throttle",
    options=ThrottleOptions,
    doc="slow the job down by memory.high (cgroup v2), until it is over",
    timeout_ns=10 * NS_PER_SECOND,
    start=start,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=True,
    spends_budget=False,
)
