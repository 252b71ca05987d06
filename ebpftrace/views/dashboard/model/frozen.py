"""Processes stopped by a fuse, as the dashboard describes them."""

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.events import FuseScope
from ebpftrace.ledger import JobSnapshot
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.stopped_processes import StoppedByKey, stopped_for_ns

FROZEN = "FROZEN"

_MAX_DESCRIBED = 3  # processes of one job
_SCOPES = {
    FuseScope.PROCESS: "of the process",
    FuseScope.JOB: "of the job",
    FuseScope.CHARGE: "of the job's charge",
}


def stopped_in_job(job: JobSnapshot, stopped: StoppedByKey) -> list[FuseEvent]:
    """The stops of a job's processes, the earliest first."""
    if not stopped:
        return []
    found = [stopped[process.key] for process in job.processes if process.key in stopped]
    return sorted(found, key=lambda event: event.monotonic_ns)


def stopped_in_row(row: Row, stopped: StoppedByKey) -> list[FuseEvent]:
    """The stop of the row's process, or those of its job's processes."""
    if row.process is None:
        return stopped_in_job(row.job, stopped)
    event = stopped.get(row.process.key)
    return [event] if event is not None else []


def process_name(event: FuseEvent) -> str:
    """`gopls 4711`."""
    return f"{event.comm} {event.process.pid}"


def stopped_duration(event: FuseEvent, screen: ScreenData) -> str:
    """How long it has been stopped at the time of the snapshot: `12s`."""
    now = screen.snapshot.monotonic_ns if screen.snapshot is not None else event.monotonic_ns
    return format_duration(stopped_for_ns(event, now))


def frozen_facts(row: Row, screen: ScreenData) -> list[tuple[str, str]]:
    """Which processes are stopped, for how long and at what; what happens next; the keys."""
    found = stopped_in_row(row, screen.stopped)
    facts = [fact for event in found[:_MAX_DESCRIBED] for fact in _facts(event, screen)]
    if len(found) > _MAX_DESCRIBED:
        facts.append(("frozen", f"and {len(found) - _MAX_DESCRIBED:,} more"))
    if len(found) == 1:
        bound = found[0].next_bound_bytes
        until = "" if bound is None else f" (next bound: {format_bytes(bound)})"
        facts.append(("keys", f"t resumes it{until}; x, pressed twice, kills it"))
    return facts


def _facts(event: FuseEvent, screen: ScreenData) -> list[tuple[str, str]]:
    limit = "" if event.limit_bytes is None else f", limit {format_bytes(event.limit_bytes)}"
    stop = (
        f"{process_name(event)} for {stopped_duration(event, screen)}: stopped at "
        f"{format_bytes(event.measured_bytes)}, bound {format_bytes(event.bound_bytes)} "
        f"{_SCOPES[event.scope]}{limit}"
    )
    return (
        [("frozen", stop), ("next", event.next_steps)]
        if event.next_steps
        else [("frozen", stop)]
    )
