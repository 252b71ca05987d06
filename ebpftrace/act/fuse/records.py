"""A fuse event as a JSON object: the same in JSON Lines and in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebpftrace.act.incident.records import Record, identity_fields, key_fields, record_head

if TYPE_CHECKING:
    from ebpftrace.act.fuse.events import FuseEvent


def fuse_record(event: FuseEvent) -> Record:
    """A fuse stopped or killed a process, or a stopped process was resumed or ended."""
    return record_head("fuse", event.time_ns, event.monotonic_ns) | {
        "event": event.kind.value,
        "policy": event.policy,
        "job": identity_fields(event.job),
        **key_fields(event.process),
        "comm": event.comm,
        "scope": event.scope.value,
        "held_bytes": event.held_bytes,
        "measured_bytes": event.measured_bytes,
        "bound_bytes": event.bound_bytes,
        "limit_bytes": event.limit_bytes,
        "next_bound_bytes": event.next_bound_bytes,
        "stopped_ns": event.stopped_ns,
        "next_steps": event.next_steps,
        "resumed": event.resumed,
        "sentence": event.sentence,
    }
