"""The facts that the detail shows of a job or a process, with their labels."""

from ebpftrace.counters import CallCount, Delays, Usage
from ebpftrace.judge.finding import Finding, FindingUnit
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.units import format_bytes, format_duration
from ebpftrace.views import formatting
from ebpftrace.views.dashboard.model.frozen import FROZEN, stopped_in_row
from ebpftrace.views.dashboard.model.growth import is_growth_known
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.render.trouble import clock_at, short_name, trouble_of

Fact = tuple[str, str]

_REMOTE_PROCESS = {"resident", "anon", "file", "shmem", "swap", "peak", "in total"}
_REMOTE_JOB = _REMOTE_PROCESS | {
    "charge", "limit", "headroom", "full in", "growth", "oom kills", "limit hits", "stalled",
    "processes",
}  # fmt: skip
"""What is known of a process and of a job on another node."""


def title(row: Row, screen: ScreenData) -> str:
    """`gopls 4711 · running · 5.0s`; of another node, `gopls 4711 · running · node-1`."""
    state: str
    if row.process is not None:
        process = row.process
        name, state, age = f"{process.comm} {process.pid}", process.state, row.age_ns
        state = f"{state}, {process.role}" if process.role else state
    else:
        name, state, age = row.job.identity.name, row.job.state, row.age_ns
    if stopped_in_row(row, screen.stopped):
        state = f"{FROZEN}, {state}" if row.process is None else FROZEN
    if row.is_remote:
        return f"{name} · {state} · {row.job.identity.node}"
    return f"{name} · {state} · {format_duration(age)}"


def trouble_facts(job: JobSnapshot, screen: ScreenData) -> list[Fact]:
    """The active findings of the job, the worst first, and its last oom kill."""
    found = [
        ("finding", _finding_text(finding, screen))
        for finding in screen.findings.get(job.identity.key, ())
        if finding.unit is not FindingUnit.KILLS
    ]
    trouble = trouble_of(job, screen)
    if trouble.kills and trouble.last_kill:
        victim = f", {trouble.victim}" if trouble.victim else ""
        found.append(("last kill", f"{trouble.last_kill}{victim}"))
    return found


def long_facts(row: Row) -> list[Fact]:
    """Facts that may need a line or more each."""
    identity = row.job.identity
    run = [("run", identity.origin.url)] if identity.origin.url else []
    if row.process is None:
        return [("job", f"{identity.kind}, by {identity.identified_by}"),
                *run, ("cgroup", identity.cgroup)]  # fmt: skip
    name = row.process.exec_name
    executed = [("executed as", name)] if name not in ("", row.process.comm) else []
    return [
        *executed,
        *(
            []
            if row.is_remote
            else [
                ("command", row.process.cmdline),
                ("program", row.process.program or "unknown"),
            ]
        ),
        ("job", f"{identity.name} ({identity.kind}, by {identity.identified_by})"),
        ("cgroup", identity.cgroup),
    ]


def short_facts(row: Row) -> list[Fact]:
    """Facts that fit into columns."""
    facts = _job_facts(row) if row.process is None else _process_facts(row, row.process)
    if not row.is_remote:
        return facts
    known = _REMOTE_JOB if row.process is None else _REMOTE_PROCESS
    return [fact for fact in facts if fact[0] in known]


def _job_facts(row: Row) -> list[Fact]:
    job = row.job
    group = job.cgroup
    limit = group.limit_bytes
    full = job.seconds_to_limit
    return [
        *_usage(job.usage),
        ("charge", format_bytes(group.charge_bytes)),
        ("kernel", "" if job.kernel_bytes is None else format_bytes(job.kernel_bytes)),
        ("limit", "none" if limit is None else format_bytes(limit)),
        (
            "headroom",
            "" if group.headroom_bytes is None else format_bytes(group.headroom_bytes),
        ),
        *_shared_limit(job),
        ("full in", "" if full is None else formatting.wait(full)),
        ("growth", _rate(row)),
        ("peak", format_bytes(job.peak_bytes)),
        ("peak by", job.peak_holder),
        *_growth(job),
        ("oom kills", f"{job.oom_kills:,}"),
        ("limit hits", f"{group.limit_hits:,}"),
        *([("hangs", "the OOM killer is disabled")] if group.stuck else []),
        ("stalled", _stalls(job.stalled_ns, job.stalls)),
        *_cgroup_v2_facts(job),
        ("processes", f"{job.process_count:,} now, {job.started:,} seen"),
    ]


def _shared_limit(job: JobSnapshot) -> list[Fact]:
    """A limit that other cgroups count towards, where it may be the nearest."""
    shared = job.shared_limit
    if shared is None:
        return []
    limit, room = map(format_bytes, (shared.limit_bytes, shared.room_bytes))
    return [("shared", f"{room} left of {limit}"), ("shared in", shared.path)]


def _process_facts(row: Row, process: ProcessSnapshot) -> list[Fact]:
    counters = process.counters
    inherited = counters.inherited.resident_bytes
    growth = process.growth
    return [
        *_usage(process.own),
        ("inherited", format_bytes(inherited) if inherited else ""),
        ("peak", format_bytes(counters.peak_bytes)),
        ("growth", _rate(row)),
        ("in 60 s", formatting.signed_bytes(growth.bytes_60s)),
        ("in total", formatting.signed_bytes(growth.bytes_total)),
        ("mapped", format_bytes(counters.mapped_bytes)),
        ("unmapped", format_bytes(counters.unmapped_bytes)),
        ("heap, brk", format_bytes(counters.brk_bytes)),
        ("virtual", format_bytes(counters.virtual_bytes)),
        ("stalled", _stalls(counters.stalled_ns, counters.stalls)),
        *_delays(process.delays),
        *(
            (kind, f"{count.calls:,}, {formatting.signed_bytes(_net(count))}")
            for kind, count in (counters.calls or {}).items()
        ),
        ("stack", format_bytes(counters.stack_bytes)),
        ("mappings", formatting.count(counters.mapping_changes, "change")),
        ("brk moved", _times(counters.brk_moves)),
        ("in 10 s", formatting.signed_bytes(growth.bytes_10s)),
        ("parent", str(process.parent_pid)),
        ("started", formatting.clock(process.start_time_ns)),
    ]


def _usage(usage: Usage) -> list[Fact]:
    return [
        ("resident", format_bytes(usage.resident_bytes)),
        ("anon", format_bytes(usage.anon_bytes)),
        ("file", format_bytes(usage.file_bytes)),
        ("shmem", format_bytes(usage.shmem_bytes)),
        ("swap", format_bytes(usage.swap_bytes)),
    ]


def _growth(job: JobSnapshot) -> list[Fact]:
    growth = job.growth
    return [
        ("in 10 s", formatting.signed_bytes(growth.bytes_10s)),
        ("in 60 s", formatting.signed_bytes(growth.bytes_60s)),
        ("in total", formatting.signed_bytes(growth.bytes_total)),
    ]


def _cgroup_v2_facts(job: JobSnapshot) -> list[Fact]:
    """What only cgroup v2 has: PSI of the last 10 s, and throttling by memory.high."""
    events, pressure = job.cgroup.events, job.cgroup.pressure
    facts = []
    if pressure is not None:
        shares = f"{pressure.some_share:.0%}, all {pressure.full_share:.0%}"
        facts.append(("pressure", shares))
    if events is not None:
        facts.append(("throttled", _times(events.high) if events.high else "never"))
    return facts


def _rate(row: Row) -> str:
    per_second = (row.process or row.job).growth.bytes_per_second
    if not per_second and not is_growth_known(row.curve):
        return "not known yet"
    return formatting.rate(per_second)


def _delays(delays: Delays | None) -> list[Fact]:
    if delays is None:  # not requested, or not read yet
        return []
    return [
        ("reclaim", format_duration(delays.reclaim_ns)),
        ("swap in", format_duration(delays.swapin_ns)),
        ("thrashing", format_duration(delays.thrashing_ns)),
    ]


def _stalls(ns: int, times: int) -> str:
    return f"{format_duration(ns)}, {_times(times)}" if times else "never"


def _times(number: int) -> str:
    return formatting.count(number, "time")


def _net(count: CallCount) -> int:
    return count.gained_bytes - count.released_bytes


def _finding_text(finding: Finding, screen: ScreenData) -> str:
    since = clock_at(finding.since_ns, screen)
    return f"{short_name(finding)} since {since}: {finding.sentence}"
