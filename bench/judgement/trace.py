"""A recording of one job's memory, small enough to keep: a header and a CSV, sizes in KiB."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ebpftrace.counters import CgroupContents, CgroupCounters, Usage
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import GrowthRates, JobSnapshot, JobState, Snapshot
from ebpftrace.ledger.trend import NO_TREND, JobSeries

ROOT = Path(__file__).resolve().parents[2]
TRACES = ROOT / "tests" / "traces"
_KIB = 1 << 10
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One job at one moment; `t_ms` since the program started, sizes in KiB.

    `anon`, `shmem`, `swap` and `file` are of the tracked processes; `all_anon`, `all_shmem`
    and `cache` of the whole cgroup, as memory.stat has them.
    """

    t_ms: int
    job: int
    anon: int
    shmem: int
    swap: int
    file: int
    charge: int
    limit: int
    headroom: int
    all_anon: int
    all_shmem: int
    cache: int
    refaults: int
    stalled_ms: int
    stalls: int
    hits: int
    kills: int
    processes: int
    majors: int = 0  # major faults; the older recordings have none

    @property
    def fixed_kib(self) -> int:
        """What the kernel cannot drop: the charge without page cache."""
        return self.charge - self.cache

    @property
    def held_kib(self) -> int:
        return self.all_anon + self.all_shmem


@dataclass(frozen=True, slots=True)
class Trace:
    """`label` is `leak` or `healthy`; `onset_s` is when a leak begins."""

    name: str
    label: str
    program: str
    onset_s: float
    rows: tuple[Row, ...]

    @property
    def limit_kib(self) -> int:
        return max(row.limit for row in self.rows)


def save(trace: Trace, folder: Path = TRACES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{trace.name}.csv"
    with path.open("w", newline="") as file:
        file.write(f"# {trace.label}, from {trace.onset_s:g} s: {trace.program}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(field.name for field in fields(Row))
        out.writerows([getattr(row, field.name) for field in fields(Row)] for row in trace.rows)
    return path


def load(path: Path) -> Trace:
    with path.open(encoding="utf-8", newline="") as file:
        head, _, program = file.readline().removeprefix("# ").rstrip("\n").partition(": ")
        label, _, onset = head.partition(", from ")
        rows = tuple(
            Row(**{name: int(value) for name, value in row.items()})
            for row in csv.DictReader(file)
        )
    return Trace(path.stem, label, program, float(onset.removesuffix(" s")), rows)


def load_all(folder: Path = TRACES) -> list[Trace]:
    return [load(path) for path in sorted(folder.glob("*.csv"))]


def rows_of(records: Sequence[dict[str, Any]], began_ns: int) -> tuple[Row, ...]:
    """From what `watch --output jsonl` wrote; snapshots without a job are left out."""
    jobs: dict[str, int] = {}
    rows = []
    for record in records:
        if record["type"] != "snapshot":
            continue
        for job in record["jobs"]:
            inside = job["contents"] or {}
            usage = job["usage"]
            rows.append(
                Row(
                    t_ms=(record["monotonic_ns"] - began_ns) // _MS,
                    job=jobs.setdefault(job["key"], len(jobs)),
                    anon=usage["anon_bytes"] // _KIB,
                    shmem=usage["shmem_bytes"] // _KIB,
                    swap=usage["swap_bytes"] // _KIB,
                    file=usage["file_bytes"] // _KIB,
                    charge=job["charge_bytes"] // _KIB,
                    limit=(job["limit_bytes"] or 0) // _KIB,
                    headroom=(job["headroom_bytes"] or 0) // _KIB,
                    all_anon=inside.get("anon_bytes", 0) // _KIB,
                    all_shmem=inside.get("shmem_bytes", 0) // _KIB,
                    cache=inside.get("cache_bytes", 0) // _KIB,
                    refaults=inside.get("refaults", 0),
                    stalled_ms=job["stalled_ns"] // _MS,
                    stalls=job["stalls"],
                    hits=job["limit_hits"],
                    kills=job["oom_kills"],
                    processes=len(job["processes"]),
                    majors=inside.get("major_faults", 0),
                )
            )
    return tuple(rows)


def snapshots(trace: Trace) -> Iterator[Snapshot]:
    """The recording as the ledger's snapshots, for a judge to read."""
    moments: dict[int, list[Row]] = {}
    series: dict[int, JobSeries] = {}  # by job
    for row in trace.rows:
        moments.setdefault(row.t_ms, []).append(row)
    for sequence, (t_ms, rows) in enumerate(moments.items(), 1):
        yield Snapshot(
            sequence=sequence,
            time_ns=t_ms * _MS,
            monotonic_ns=t_ms * _MS,
            elapsed_ns=t_ms * _MS,
            watching=trace.name,
            jobs=tuple(_job(trace, row, series) for row in rows),
        )


def _job(trace: Trace, row: Row, series: dict[int, JobSeries]) -> JobSnapshot:
    name = f"{trace.name}-{row.job}"
    usage = Usage(row.anon * _KIB, row.file * _KIB, row.shmem * _KIB, row.swap * _KIB)
    job = JobSnapshot(
        identity=JobIdentity(name, name, "cgroup", "the recording", f"/{name}", 2 + row.job),
        cgroup=CgroupCounters(
            charge_bytes=row.charge * _KIB,
            limit_bytes=row.limit * _KIB or None,
            headroom_bytes=row.headroom * _KIB if row.limit else None,
            limit_hits=row.hits,
            oom_kills=row.kills,
            stalled_ns=row.stalled_ms * _MS,
            stalls=row.stalls,
            contents=CgroupContents(
                row.all_anon * _KIB,
                row.all_shmem * _KIB,
                row.cache * _KIB,
                row.refaults,
                row.majors,
            ),
        ),
        usage=usage,
        peak_bytes=0,
        peak_holder="",
        growth=GrowthRates(),
        oom_kills=row.kills,
        stalled_ns=row.stalled_ms * _MS,
        stalls=row.stalls,
        age_ns=row.t_ms * _MS,
        state=JobState.RUNNING,
        started=row.processes,
        processes=(),
        alone=True,
        group_usage=usage,
        trend=NO_TREND,
    )
    held = series.setdefault(row.job, JobSeries())
    held.add(row.t_ms * _MS, job.held_bytes, job.room_bytes)
    return replace(job, trend=held.trend)
