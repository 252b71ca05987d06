"""What processes freed lazily counts as theirs until the kernel takes it: read at a breach."""

from collections.abc import Mapping

from ebpftrace.events import ProcessKey
from ebpftrace.host.memstat import LEAST_BYTES, lazy_free_bytes
from ebpftrace.judge.finding import Finding, FindingUnit
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.units import format_bytes

_MOST_READ = 16  # processes: the largest, while the breach waits


def lazily_freed(job: JobSnapshot) -> Mapping[ProcessKey, int]:
    """Bytes by process, where it is much. smaps_rollup is read only where there may be some."""
    contents = job.cgroup.contents
    if contents is not None and contents.lazy_bytes < LEAST_BYTES:
        return {}
    found = {}
    for process in job.processes[:_MOST_READ]:
        freed = _freed(process)
        if freed >= LEAST_BYTES:
            found[process.key] = freed
    return found


def spared(finding: Finding, process: ProcessSnapshot) -> str:
    """Why a process is spared that was judged by what it holds or gained; "" if it is not.

    The kernel takes what was freed lazily as it needs it, so ending the process would make
    no room.
    """
    if finding.unit is not FindingUnit.BYTES:
        return ""
    freed = _freed(process)
    if freed < LEAST_BYTES or finding.measured - freed >= finding.bound:
        return ""
    size, held = format_bytes(freed), format_bytes(process.own.held_bytes)
    return f"{process.comm} {process.pid} freed {size} of its {held} lazily"


def _freed(process: ProcessSnapshot) -> int:
    anon = process.own.anon_bytes
    return min(anon, lazy_free_bytes(process.pid) or 0) if anon >= LEAST_BYTES else 0
