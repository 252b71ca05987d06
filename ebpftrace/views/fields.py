"""The parts JSON objects are made of, field by field.

They are spelled out, not derived from the dataclasses: a name in the schema stays when a
name in the code changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebpftrace.act.incident.records import Record, identity_fields, key_fields, rfc3339
from ebpftrace.counters import (
    CgroupContents,
    CgroupEvents,
    CgroupPressure,
    Delays,
    ProcessCounters,
    Usage,
)
from ebpftrace.ledger import GrowthRates, JobSnapshot, ProcessSnapshot, SelfCost

if TYPE_CHECKING:
    from ebpftrace.judge.finding import Finding


def usage_fields(usage: Usage) -> Record:
    return {
        "anon_bytes": usage.anon_bytes,
        "file_bytes": usage.file_bytes,
        "shmem_bytes": usage.shmem_bytes,
        "swap_bytes": usage.swap_bytes,
    }


def growth_fields(growth: GrowthRates) -> Record:
    return {
        "bytes_10s": growth.bytes_10s,
        "bytes_60s": growth.bytes_60s,
        "bytes_total": growth.bytes_total,
        "bytes_per_second": growth.bytes_per_second,
    }


def counter_fields(counters: ProcessCounters) -> Record:
    calls = counters.calls
    return {
        "usage": usage_fields(counters.usage),
        "inherited": usage_fields(counters.inherited),
        "peak_bytes": counters.peak_bytes,
        "virtual_bytes": counters.virtual_bytes,
        "mapped_bytes": counters.mapped_bytes,
        "unmapped_bytes": counters.unmapped_bytes,
        "mapping_changes": counters.mapping_changes,
        "brk_bytes": counters.brk_bytes,
        "brk_moves": counters.brk_moves,
        "stack_bytes": counters.stack_bytes,
        "stalled_ns": counters.stalled_ns,
        "stalls": counters.stalls,
        "calls": None
        if calls is None
        else {
            kind: {
                "calls": count.calls,
                "gained_bytes": count.gained_bytes,
                "released_bytes": count.released_bytes,
            }
            for kind, count in calls.items()
        },
    }


def delay_fields(delays: Delays) -> Record:
    return {
        "swapin_ns": delays.swapin_ns,
        "reclaim_ns": delays.reclaim_ns,
        "thrashing_ns": delays.thrashing_ns,
    }


def process_fields(process: ProcessSnapshot, now_ns: int) -> Record:
    return {
        **key_fields(process.key),
        "start_time": rfc3339(process.start_time_ns),
        "parent_pid": process.parent_pid,
        "comm": process.comm,
        "exec_name": process.exec_name or process.comm,
        "role": process.role,
        "program": process.program,
        "cmdline": process.cmdline,
        "state": process.state,
        "age_ns": process.age_at(now_ns),
        "growth": growth_fields(process.growth),
        **counter_fields(process.counters),
        "delays": None if process.delays is None else delay_fields(process.delays),
    }


def contents_fields(contents: CgroupContents | None) -> Record | None:
    if contents is None:
        return None
    return {
        "anon_bytes": contents.anon_bytes,
        "shmem_bytes": contents.shmem_bytes,
        "cache_bytes": contents.cache_bytes,
        "reclaimable_bytes": contents.reclaimable_bytes,
        "lazy_bytes": contents.lazy_bytes,
        "refaults": contents.refaults,
        "major_faults": contents.major_faults,
    }


def event_fields(events: CgroupEvents | None) -> Record | None:
    if events is None:
        return None
    return {
        "low": events.low,
        "high": events.high,
        "max": events.max,
        "oom": events.oom,
        "oom_kill": events.oom_kill,
        "oom_group_kill": events.oom_group_kill,
    }


def pressure_fields(pressure: CgroupPressure | None) -> Record | None:
    if pressure is None:
        return None
    return {
        "some_ns": pressure.some_ns,
        "full_ns": pressure.full_ns,
        "some_share": round(pressure.some_share, 6),
        "full_share": round(pressure.full_share, 6),
    }


def shared_limit_fields(job: JobSnapshot) -> Record | None:
    shared = job.shared_limit
    if shared is None:
        return None
    return {
        "cgroup": shared.path,
        "limit_bytes": shared.limit_bytes,
        "room_bytes": shared.room_bytes,
        "other_jobs": job.other_jobs,
    }


MOST_PROCESSES = 1024
"""So many of a job are listed: one with thousands must not delay what others are read for."""


def listed_processes(job: JobSnapshot) -> tuple[ProcessSnapshot, ...]:
    """The largest of its processes."""
    return job.processes[:MOST_PROCESSES]


def job_fields(job: JobSnapshot, now_ns: int) -> Record:
    """Of a snapshot of that time (CLOCK_MONOTONIC)."""
    processes = [process_fields(process, now_ns) for process in listed_processes(job)]
    return own_job_fields(job, now_ns) | {"processes": processes}


def own_job_fields(job: JobSnapshot, now_ns: int) -> Record:
    """The same without its processes, which come last."""
    seconds = job.seconds_to_limit
    return {
        **identity_fields(job.identity),
        "state": job.state,
        "age_ns": job.age_at(now_ns),
        "limit_bytes": job.cgroup.limit_bytes,
        "charge_bytes": job.cgroup.charge_bytes,
        "peak_charge_bytes": job.cgroup.peak_charge_bytes,
        "headroom_bytes": job.cgroup.headroom_bytes,
        "shared_limit": shared_limit_fields(job),
        "high_bytes": job.cgroup.high_bytes,
        "contents": contents_fields(job.cgroup.contents),
        "kernel_bytes": job.kernel_bytes,
        "stuck": job.cgroup.stuck,
        "limit_hits": job.cgroup.limit_hits,
        "memory_events": event_fields(job.cgroup.events),
        "pressure": pressure_fields(job.cgroup.pressure),
        "usage": usage_fields(job.usage),
        "peak_bytes": job.peak_bytes,
        "peak_holder": job.peak_holder,
        "growth": growth_fields(job.growth),
        "peak_growth_bytes": job.peak_growth_bytes,
        "seconds_to_limit": None if seconds is None else round(seconds, 3),
        "oom_kills": job.oom_kills,
        "stalled_ns": job.stalled_ns,
        "stalls": job.stalls,
        "processes_seen": job.started,
        "processes_left_out": max(0, len(job.processes) - MOST_PROCESSES),
    }


def finding_fields(finding: Finding) -> Record:
    process, seconds = finding.subject.process, finding.seconds_to_limit
    ago_ns = finding.monotonic_ns - finding.since_ns
    return {
        "detector": finding.detector,
        "state": finding.state.value,
        "severity": finding.severity.name.lower(),
        "job": identity_fields(finding.subject.job),
        "pid": process.pid if process else None,
        "start_boottime_ns": process.start_boottime_ns if process else None,
        "comm": finding.subject.comm if process else None,
        "measured": round(finding.measured, 6),
        "bound": round(finding.bound, 6),
        "unit": finding.unit,
        "since": rfc3339(finding.time_ns - ago_ns),
        "seconds_to_limit": None if seconds is None else round(seconds, 3),
        "sentence": finding.sentence,
    }


def cost_fields(cost: SelfCost) -> Record:
    return {
        "cpu_ns": cost.cpu_ns,
        "cpu_share": round(cost.cpu_share, 6),
        "rss_bytes": cost.rss_bytes,
        "bpf_run_ns": cost.bpf_run_ns,
        "lag_ns": cost.lag_ns,
        "drift_bytes": cost.drift_bytes,
    }
