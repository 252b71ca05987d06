"""reclaim: ask the kernel to drop what it can of the job's memory. It ends no process.

cgroup v2: `memory.reclaim` (Linux 5.19). v1: `memory.force_empty`, which drops all it can.
Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.control_files import (
    job_cgroup,
    judged_pids,
    read_control,
    write_control,
)
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.host.memstat import read_contents
from ebpftrace.units import NS_PER_SECOND, format_bytes

_PARTLY = {errno.EAGAIN, errno.EBUSY, errno.EINTR}  # less was reclaimed than asked


@dataclass(frozen=True, slots=True)
class ReclaimOptions:
    """The options of one step."""

    size_bytes: Annotated[
        int | None,
        "bytes",
        "how much, on cgroup v2; as much as there is page cache by default",
    ] = None


def start(incident: Incident, options: ReclaimOptions) -> Running:
    """Runs on a thread: the write returns once the kernel is done."""
    try:
        folder = job_cgroup(incident)
    except RefusedError as error:
        return finished(StepStatus.SKIPPED, error.what)
    pids = judged_pids(incident)
    return Background(
        "reclaim", incident.target, lambda _cancelled: _reclaim(folder, options, pids)
    )


def _reclaim(folder: Path, options: ReclaimOptions, pids: frozenset[int]) -> Ended:
    modern, old = folder / "memory.reclaim", folder / "memory.force_empty"
    if modern.exists():
        contents = read_contents(folder)
        asked = options.size_bytes or (contents.cache_bytes if contents else 0)
        if not asked:
            return Ended(StepStatus.DONE, "there is no page cache to drop")
        file, value, usage = modern, str(asked), folder / "memory.current"
    elif old.exists():
        file, value, usage = old, "0", folder / "memory.usage_in_bytes"
    else:
        return Ended(StepStatus.FAILED, "this kernel has no memory.reclaim (Linux 5.19)")
    before = int(read_control(usage))
    try:
        write_control(file, value, pids)
    except OSError as error:
        if error.errno not in _PARTLY:
            raise
    freed = max(0, before - int(read_control(usage)))
    return Ended(StepStatus.DONE, f"{format_bytes(freed)} reclaimed by {file.name}")


ACTION = Action(
    name="reclaim",
    options=ReclaimOptions,
    doc="have the kernel drop page cache of the job's cgroup",
    timeout_ns=10 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
