"""Snapshots and notes as a watch of gopls would make them, for the tests of the views."""

from collections.abc import Sequence
from dataclasses import replace

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.counters import (
    CallCount,
    CgroupContents,
    CgroupCounters,
    CgroupEvents,
    CgroupPressure,
    Delays,
    ProcessCounters,
    Usage,
)
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, FindingUnit, Severity, Subject
from ebpftrace.ledger import JobState, ProcessState
from ebpftrace.ledger.climbs.climb import SteadyClimb
from ebpftrace.ledger.notes import (
    LossNote,
    OomNote,
    PressureNote,
    ProcessChange,
    ProcessNote,
    StallNote,
)
from ebpftrace.ledger.snapshot import (
    GrowthRates,
    JobSnapshot,
    ProcessSnapshot,
    SelfCost,
    Snapshot,
)
from ebpftrace.ledger.trend import NO_TREND, Trend
from ebpftrace.units import GIB, KIB, MIB, NS_PER_SECOND
from ebpftrace.views.start import Remark, Started

TIME_NS = 1_795_435_207_250_000_000  # 2026-11-23T12:00:07.25Z
MONOTONIC_NS = 86_407_250_000_000


def started(remarks: tuple[str, ...] = ()) -> Started:
    return Started(
        time_ns=TIME_NS - 7 * NS_PER_SECOND,
        monotonic_ns=MONOTONIC_NS - 7 * NS_PER_SECOND,
        version="0.1.0",
        watching="comm gopls",
        kernel="6.18.5",
        cgroups="v2",
        interval_ns=NS_PER_SECOND,
        features=(("mappings", "mmap_lock_released"), ("rss", "rss_stat")),
        remarks=remarks,
    )


def identity(name: str = "build-42", kind: str = "github") -> JobIdentity:
    return JobIdentity(
        key=f"/ci/{name}",
        name=name,
        kind=kind,
        identified_by="GITHUB_RUN_ID of pid 4711",
        cgroup=f"/ci/{name}",
        cgroup_id=4242,
    )


def counters(resident: int, **changes: object) -> ProcessCounters:
    usage = Usage(anon_bytes=resident - resident // 16, file_bytes=resident // 16)
    fields: dict[str, object] = {
        "usage": usage,
        "peak_bytes": resident + 8 * MIB,
        "virtual_bytes": 2 * GIB,
        "mapped_bytes": resident + 64 * MIB,
        "unmapped_bytes": 16 * MIB,
        "mapping_changes": 311,
        "brk_bytes": 132 * KIB,
        "brk_moves": 2,
        "stack_bytes": 136 * KIB,
    }
    return ProcessCounters(**(fields | changes))  # type: ignore[arg-type]


def process(
    pid: int = 4711,
    resident: int = 512 * MIB,
    per_second: int = 0,
    comm: str = "gopls",
    args: Sequence[str] = ("gopls", "-mode=stdio"),
    state: ProcessState = ProcessState.RUNNING,
    book: ProcessCounters | None = None,
    role: str = "",
    delays: Delays | None = None,
) -> ProcessSnapshot:
    return ProcessSnapshot(
        key=ProcessKey(pid, 86_000_000_000_000 + pid),
        start_time_ns=TIME_NS - 5 * NS_PER_SECOND,
        parent_pid=4700,
        comm=comm,
        program=f"/usr/local/bin/{comm}",
        args=tuple(args),
        counters=book or counters(resident),
        growth=GrowthRates(per_second * 5, per_second * 5, per_second * 5, per_second),
        age_ns=5 * NS_PER_SECOND,
        state=state,
        role=role,
        delays=delays,
    )


def job(
    name: str = "build-42",
    processes: Sequence[ProcessSnapshot] = (),
    *,
    kind: str = "github",
    limit: int | None = 2 * GIB,
    cache: int = 64 * MIB,
    per_second: int = 0,
    seconds_to_limit: float | None = None,
    oom_kills: int = 0,
    stalled_ns: int = 0,
    state: JobState = JobState.RUNNING,
    peak: int | None = None,
) -> JobSnapshot:
    usage = sum((one.own for one in processes), Usage())
    charge = usage.resident_bytes + cache
    largest = max(processes, key=lambda one: one.own.resident_bytes, default=None)
    return JobSnapshot(
        identity=identity(name, kind),
        cgroup=CgroupCounters(
            charge_bytes=charge,
            peak_charge_bytes=charge + 16 * MIB,
            limit_bytes=limit,
            headroom_bytes=None if limit is None else limit - charge,
            oom_kills=oom_kills,
            contents=CgroupContents(usage.anon_bytes, usage.shmem_bytes, cache, 12, 3),
        ),
        usage=usage,
        peak_bytes=usage.resident_bytes + 8 * MIB if peak is None else peak,
        peak_holder=f"{largest.comm} {largest.pid}" if largest else "gopls 4711",
        growth=GrowthRates(per_second * 5, per_second * 5, per_second * 5, per_second),
        oom_kills=oom_kills,
        stalled_ns=stalled_ns,
        stalls=3 if stalled_ns else 0,
        age_ns=7 * NS_PER_SECOND,
        state=state,
        started=max(1, len(processes)),
        processes=tuple(processes),
        alone=True,
        group_usage=usage,
        trend=trend(per_second, seconds_to_limit),
        peak_growth_bytes=max(0, per_second * 5),
    )


def trend(per_second: float = 0, seconds_to_limit: float | None = None) -> Trend:
    """A minute's climb; without a rate, one that leads to the limit all the same."""
    if not per_second and seconds_to_limit is None:
        return NO_TREND
    rate = per_second or MIB
    climb = SteadyClimb(MONOTONIC_NS - 60 * NS_PER_SECOND, 60, round(rate * 60), rate)
    return Trend(climb, None if seconds_to_limit is None else round(seconds_to_limit * rate))


def snapshot(*jobs: JobSnapshot, losses: dict[str, int] | None = None) -> Snapshot:
    """The jobs are `alone` in their cgroup or not, as the ledger would find them."""
    sharing = [
        [other for other in jobs if other.identity.cgroup_id == one.identity.cgroup_id]
        for one in jobs
    ]
    jobs = tuple(
        replace(
            one,
            alone=len(others) == 1,
            group_usage=sum((other.usage for other in others), Usage()),
        )
        for one, others in zip(jobs, sharing, strict=True)
    )
    return Snapshot(
        sequence=7,
        time_ns=TIME_NS,
        monotonic_ns=MONOTONIC_NS,
        elapsed_ns=7 * NS_PER_SECOND,
        watching="comm gopls",
        jobs=jobs,
        usage=sum((one.usage for one in jobs), Usage()),
        losses=losses or {},
        cost=SelfCost(cpu_ns=180_000_000, cpu_share=0.004, rss_bytes=29 * MIB, lag_ns=210_000),
    )


def process_note(event: str = "exec", comm: str = "gopls", **changes: object) -> ProcessNote:
    fields: dict[str, object] = {
        "time_ns": TIME_NS,
        "monotonic_ns": MONOTONIC_NS,
        "event": ProcessChange(event),
        "key": ProcessKey(4711, 86_000_000_004_711),
        "start_time_ns": TIME_NS - 5 * NS_PER_SECOND,
        "parent_pid": 4700,
        "comm": comm,
        "job": identity(),
        "cmdline": f"{comm} -mode=stdio",
        "counters": counters(512 * MIB),
    }
    return ProcessNote(**(fields | changes))  # type: ignore[arg-type]


def oom_note(comm: str = "gopls", monotonic_ns: int = MONOTONIC_NS) -> OomNote:
    return OomNote(
        time_ns=TIME_NS - (MONOTONIC_NS - monotonic_ns),
        monotonic_ns=monotonic_ns,
        key=ProcessKey(4711, 86_000_000_004_711),
        comm=comm,
        job=identity(),
        usage=Usage(anon_bytes=190 * MIB, file_bytes=2 * MIB),
        limit_bytes=200 * MIB,
        tracked=True,
    )


def stall_note() -> StallNote:
    return StallNote(TIME_NS, MONOTONIC_NS, identity(), 120_000_000, 14)


def pressure_note() -> PressureNote:
    return PressureNote(
        TIME_NS, MONOTONIC_NS, identity(), 310_000_000, 120_000_000, 900_000_000
    )


def loss_note() -> LossNote:
    return LossNote(TIME_NS, MONOTONIC_NS, "ring_buffer_full", 12, 30)


def finding(**changes: object) -> Finding:
    sentence = (
        "gopls 4711 in job github/build-42 gained 312 MiB in 48 s (bound 256 MiB in 60 s), "
        "anon only; at this rate the limit of 2 GiB is 71 s away"
    )
    fields: dict[str, object] = {
        "detector": "growth:256MiB/60s",
        "subject": Subject(identity()),
        "severity": Severity.WARNING,
        "measured": 312 * MIB,
        "bound": 256 * MIB,
        "unit": FindingUnit.BYTES,
        "measures_gain": True,
        "since_ns": MONOTONIC_NS - 48 * NS_PER_SECOND,
        "time_ns": TIME_NS,
        "monotonic_ns": MONOTONIC_NS,
        "seconds_to_limit": 71.2,
        "sentence": sentence,
    }
    return Finding(**(fields | changes))  # type: ignore[arg-type]


_INCIDENT: dict[str, object] = {
    "incident": "20261123T120007Z-4711-3fa2b1",
    "policy": "leaks",
    "job": identity(),
    "process": ProcessKey(4711, 86_000_000_004_711),
    "comm": "gopls",
}


def step(**changes: object) -> StepOutcome:
    fields = _INCIDENT | {
        "action": "signal",
        "status": StepStatus.DONE,
        "detail": "gopls 4711 ended by TERM after 18ms",
        "began_ns": MONOTONIC_NS - 19_000_000,
        "took_ns": 19_000_000,
        "monotonic_ns": MONOTONIC_NS,
        "time_ns": TIME_NS,
    }
    return StepOutcome(**(fields | changes))  # type: ignore[arg-type]


def outcome(**changes: object) -> Outcome:
    fields = _INCIDENT | {
        "helped": True,
        "freed_bytes": 1400 * MIB,
        "took_ns": 8 * NS_PER_SECOND,
        "sentence": ("1.4 GiB freed in 8.0s: gopls 4711 is gone, its successor 4802 is steady"),
        "evidence": "/var/lib/ebpftrace/incidents/20261123T120007Z-4711-3fa2b1",
        "monotonic_ns": MONOTONIC_NS,
        "time_ns": TIME_NS,
    }
    return Outcome(**(fields | changes))  # type: ignore[arg-type]


def fuse_event(kind: FuseEventKind = FuseEventKind.STOPPED, **changes: object) -> FuseEvent:
    fields: dict[str, object] = {
        "kind": kind,
        "policy": "bursts",
        "job": identity(),
        "process": ProcessKey(4711, 86_000_000_004_711),
        "comm": "gopls",
        "scope": FuseScope.JOB,
        "held_bytes": 1536 * MIB,
        "measured_bytes": 1843 * MIB,
        "bound_bytes": 1843 * MIB,
        "limit_bytes": 2 * GIB,
        "next_bound_bytes": None,
        "stopped_ns": 0 if kind is FuseEventKind.STOPPED else 12 * NS_PER_SECOND,
        "next_steps": "capture, shell, then SIGKILL",
        "sentence": "gopls 4711 was stopped: its job holds 1.8 GiB (fuse 1.8 GiB, 90% of the "
        "limit of 2 GiB)",
        "monotonic_ns": MONOTONIC_NS,
        "time_ns": TIME_NS,
    }
    return FuseEvent(**(fields | changes))  # type: ignore[arg-type]


def remark(text: str = "2 policies reloaded") -> Remark:
    return Remark(TIME_NS, MONOTONIC_NS, text)


def example() -> Snapshot:
    """One job with two processes: the snapshot that `docs/jsonl.md` shows."""
    calls = {
        "mmap": CallCount(290, 576 * MIB, 0),
        "munmap": CallCount(21, 0, 16 * MIB),
    }
    delays = Delays(swapin_ns=0, reclaim_ns=118_000_000, thrashing_ns=2_000_000)
    gopls = process(book=counters(512 * MIB, calls=calls), per_second=20 * MIB, delays=delays)
    child = process(
        4790,
        comm="go",
        args=("go", "list", "-deps", "./..."),
        book=counters(48 * MIB, inherited=Usage(anon_bytes=0, file_bytes=2 * MIB)),
    )
    one = job(
        processes=(gopls, child),
        per_second=20 * MIB,
        seconds_to_limit=70.8125,
        stalled_ns=120_000_000,
    )
    events = CgroupEvents(low=0, high=21, max=0, oom=0, oom_kill=0, oom_group_kill=0)
    pressure = CgroupPressure(MONOTONIC_NS, 310_000_000, 120_000_000, 0.031, 0.012)
    one = replace(one, cgroup=one.cgroup._replace(events=events, pressure=pressure))
    return snapshot(one, losses={"ring_exit": 12})
