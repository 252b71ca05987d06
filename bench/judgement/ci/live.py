"""Real jobs under `watch --on-breach` alone: they end well, and a leak in them is ended."""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.judgement.ci.jobs import JOBS, Job
from bench.judgement.ci.record import measured_peak
from bench.judgement.ci.running import Ran, bench_cgroup, run_in
from tests.support.records import Record, Watch

SECTION = "ci live"
NAMES = ("cargo-build", "tsc", "pytest-networkx", "gopls-cold")
SHARE = 1.25
"""Of its peak: the limit of a job."""

_LEAK_SECONDS = 4.0  # that a leak alone takes for as much as the job's peak
LINE = "kill -TERM $EBPFTRACE_PID"
_OUTCOME_SECONDS = 60.0
_BESIDE = "python3 $LEAKS/beside.py $LEAK & "
_MIB = 1 << 10  # KiB


@dataclass(frozen=True, slots=True)
class Lived:
    """One job's run, with or without a leak or an earlier run, and what its watch wrote."""

    job: Job
    leaky: bool
    earlier: bool
    limit_kib: int
    ran: Ran
    records: Sequence[Record]

    @property
    def acted_on(self) -> list[Record]:
        """The steps that ran the line."""
        return [
            one for one in self.records if one["type"] == "step" and one["action"] == "shell"
        ]

    @property
    def called(self) -> str:
        """When the first finding came that it is a leak, or that the limit is exhausted."""
        for one in self.records:
            if one["type"] == "finding" and one["detector"] in ("leak", "exhaustion"):
                held = held_at(self.records, one)
                return f"{one['detector']} at {held / self.limit_kib:.0%}"
        return ""

    @property
    def stops(self) -> int:
        """How often the backstop stopped one of its processes."""
        events = (one["event"] for one in self.records if one["type"] == "fuse")
        return sum(event == "stopped" for event in events)

    @property
    def evidence(self) -> list[Path]:
        """The folders of all evidence that was saved."""
        outcomes = (one for one in self.records if one["type"] == "outcome")
        return [Path(one["evidence"]) for one in outcomes if one["evidence"]]

    @property
    def wrong(self) -> str:
        """What went wrong; empty if nothing did."""
        if self.ran.ended == "oom-killed":
            return "the OOM killer came"
        if not self.leaky:
            if self.acted_on:
                return f"{self.acted_on[0]['comm']} was ended"
            return "" if self.ran.ended == "ok" else f"it {self.ran.ended}"
        if not any(step["status"] == "done" for step in self.acted_on):
            return "it was not ended"
        incidents = {step["incident"] for step in self.acted_on}
        if not any(folder.name in incidents and complete(folder) for folder in self.evidence):
            return "no evidence was saved"
        return ""


def complete(folder: Path) -> bool:
    """Whether evidence was saved there as a whole."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return False
    return bool(manifest["complete"])


def held_at(records: Sequence[Record], finding: Record) -> int:
    """What the job's cgroup could not drop in the snapshot of a finding, KiB."""
    for one in records:
        if one["type"] == "snapshot" and one["monotonic_ns"] >= finding["monotonic_ns"]:
            jobs = (job for job in one["jobs"] if job["key"] == finding["job"]["key"])
            for job in jobs:
                return (
                    int(job["charge_bytes"] - (job["contents"] or {}).get("cache_bytes", 0))
                    >> 10
                )
    return 0


def live(jobs: Sequence[Job], work: Path) -> Iterator[Lived]:
    """Run each job as it is, then with a leak: as a first run, and as the next one.

    Nothing else should use the machine.
    """
    for job in jobs:
        peak_kib = measured_peak(job, work)
        limit_kib = int(peak_kib * SHARE)
        with tempfile.TemporaryDirectory(prefix="ebpftrace-history-") as history:
            files = [Path(history) / name for name in ("first.db", "next.db")]
            yield _lived(job, work, limit_kib, files[1])
            for file in files:
                yield _lived(job, work, limit_kib, file, leak_kib=peak_kib)


def _lived(job: Job, work: Path, limit_kib: int, history: Path, *, leak_kib: int = 0) -> Lived:
    """A run as a user watches it; a leak keeps `leak_kib` within four seconds."""
    folder = work / "run" / f"{job.name}-{secrets.token_hex(3)}"
    notes = folder.with_suffix(".watch")
    folder.mkdir(parents=True)
    notes.mkdir(mode=0o700)
    earlier = history.exists()
    job = replace(job, leaky=job.leaky or f"{_BESIDE}{job.script}; wait")
    try:
        with bench_cgroup(f"ci-{job.name}", limit_kib * _MIB) as group:
            scope = ("--comm", "*", "--cgroup", str(Path(group.name).parent))
            files = ("--audit", str(notes / "audit"), "--history", str(history))
            with Watch(*scope, *files, "--on-breach", LINE) as watch:
                ran = run_in(job, work, folder, group, 1, leak_kib / _MIB / _LEAK_SECONDS)
                _wait_for_outcomes(watch)
                ended = watch.stop()
    finally:
        for each in (folder, notes):
            shutil.rmtree(each, ignore_errors=True)
        folder.with_suffix(".log").unlink(missing_ok=True)
    return Lived(job, leak_kib > 0, earlier, limit_kib, ran, ended.records)


def _wait_for_outcomes(watch: Watch) -> None:
    begun = {one["incident"] for one in watch.records if one["type"] == "step"}
    for incident in begun:
        watch.wait_for(
            lambda one, of=incident: one["type"] == "outcome" and one["incident"] == of,  # type: ignore[misc]
            _OUTCOME_SECONDS,
        )


def table_text(runs: Sequence[Lived]) -> str:
    """One row a run."""
    lines = [
        "| job | limit | run | took | most used | called | stopped | the line ended | "
        "evidence | in the end |",
        "| --- | --: | --- | --: | --: | --- | --: | --- | --- | --- |",
    ]
    for one in runs:
        named = ", ".join(dict.fromkeys(step["comm"] for step in one.acted_on))
        saved = sum(complete(folder) for folder in one.evidence)
        cells = (
            one.job.name,
            f"{one.limit_kib // _MIB} MiB",
            _kind(one),
            f"{one.ran.seconds:.0f} s",
            f"{one.ran.peak_kib / one.limit_kib:.0%}",
            one.called or "–",
            f"{one.stops} ×" if one.stops else "–",
            named or "–",
            f"{saved} ×" if saved else "–",
            (one.wrong and f"**{one.wrong}**") or _end(one),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kind(one: Lived) -> str:
    if not one.leaky:
        return "as it is"
    return "with a leak, the next run" if one.earlier else "with a leak, a first run"


def _end(one: Lived) -> str:
    if not one.leaky:
        return "ended well"
    return "the leak ended, the job ended well" if one.ran.ended == "ok" else "the job ended"


def chosen(names: Sequence[str]) -> list[Job]:
    """The jobs of these names; those of NAMES if none is named."""
    wanted = names or NAMES
    return [job for name in wanted for job in JOBS if job.name == name]


def remove_evidence(runs: Sequence[Lived]) -> None:
    """Remove what these runs saved, once the table is written."""
    for one in runs:
        for folder in one.evidence:
            shutil.rmtree(folder, ignore_errors=True)
