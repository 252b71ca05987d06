"""throttle: slow the job's allocations by memory.high until the incident ends.

Above memory.high the kernel reclaims and puts the allocating tasks to sleep. cgroup v2
only: the soft limit of v1 slows no task. Source: cgroup-v2.rst.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.control_files import (
    job_cgroup,
    judged_pids,
    read_control,
    refuse_own_cgroup,
    undo_write,
    write_control,
)
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.units import NS_PER_SECOND, PAGE_SIZE, format_bytes


@dataclass(frozen=True, slots=True)
class ThrottleOptions:
    """The options of one step."""

    high_bytes: Annotated[int | None, "bytes", "what memory.high is set to"] = None
    share: Annotated[float, "share", "without `high`: a share of what is charged now"] = 1.0

    def __post_init__(self) -> None:
        if self.high_bytes is not None and self.share != 1.0:
            raise ValueError("high and share exclude each other")


def start(incident: Incident, options: ThrottleOptions) -> Running:
    """Runs on a thread: writing memory.high reclaims before it returns."""
    try:
        folder = job_cgroup(incident)
        refuse_own_cgroup(incident)
    except RefusedError as error:
        return finished(StepStatus.SKIPPED, error.what)
    file = folder / "memory.high"
    if not file.exists():
        return finished(StepStatus.FAILED, "memory.high needs cgroup v2, and this is v1")
    # Read before it is written: a throttle that hangs must be undone as well.
    undo = undo_write(file, read_control(file), "memory.high")
    pids = judged_pids(incident)
    return Background(
        "throttle", incident.target, lambda _cancelled: _throttle(file, options, pids), undo
    )


def _throttle(file: Path, options: ThrottleOptions, pids: frozenset[int]) -> Ended:
    charged = int(read_control(file.with_name("memory.current")))
    high = options.high_bytes
    if high is None:
        high = int(charged * options.share) // PAGE_SIZE * PAGE_SIZE
    write_control(file, str(high), pids)
    return Ended(StepStatus.DONE, f"memory.high is {format_bytes(high)}")


ACTION = Action(
    name="throttle",
    options=ThrottleOptions,
    doc="slow the job down with memory.high (cgroup v2) until the incident ends",
    timeout_ns=10 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=True,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
