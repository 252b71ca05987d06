"""What a live run comes to, on records made by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.judgement.ci.jobs import JOBS
from bench.judgement.ci.live import NAMES, SECTION, Lived, chosen, remove_evidence, table_text
from bench.judgement.ci.running import Ran
from bench.judgement.ci.table import PAGE
from bench.sections import between
from tests.support.records import Record

MIB = 1 << 10  # KiB
STOPPED: Record = {"type": "fuse", "event": "stopped"}
THAWED: Record = {"type": "fuse", "event": "thawed"}
HEALTHY = Lived(JOBS[0], False, False, 100 * MIB, Ran(31.0, 80 * MIB, "ok", ()), [])


def shell(status: str = "done") -> Record:
    return {"type": "step", "action": "shell", "status": status, "comm": "python3",
            "incident": "1"}  # fmt: skip


FINDING: Record = {"type": "finding", "detector": "leak", "job": {"key": "7"},
                   "monotonic_ns": 20}  # fmt: skip


def snapshot(charge_mib: int) -> Record:
    """At the moment of FINDING; 10 MiB of the charge are page cache."""
    job = {"key": "7", "charge_bytes": charge_mib << 20, "contents": {"cache_bytes": 10 << 20}}
    return {"type": "snapshot", "monotonic_ns": 20, "jobs": [job]}


def outcome(folder: Path, *, complete: bool = True) -> Record:
    """Of the incident of `shell`, with its evidence."""
    evidence = folder / "1"
    evidence.mkdir()
    (evidence / "manifest.json").write_text(json.dumps({"complete": complete}))
    return {"type": "outcome", "incident": "1", "evidence": str(evidence)}


def leaky(*records: Record, ended: str = "ok") -> Lived:
    ran = replace(HEALTHY.ran, ended=ended, peak_kib=96 * MIB)
    return replace(HEALTHY, leaky=True, ran=ran, records=records)


def test_a_healthy_job_may_be_stopped_and_not_ended() -> None:
    assert HEALTHY.wrong == ""
    held = replace(HEALTHY, records=[STOPPED, THAWED])
    assert (held.wrong, held.stops) == ("", 1)
    assert replace(HEALTHY, records=[shell()]).wrong == "python3 was ended"
    failed = replace(HEALTHY, ran=replace(HEALTHY.ran, ended="failed"))
    assert failed.wrong == "it failed"


def test_a_leak_is_ended_with_its_evidence(tmp_path: Path) -> None:
    assert leaky().wrong == "it was not ended"
    assert leaky(shell("failed")).wrong == "it was not ended"
    assert leaky(shell()).wrong == "no evidence was saved"
    saved = outcome(tmp_path)
    assert leaky(shell(), saved).wrong == ""
    assert leaky(shell(), saved, ended="oom-killed").wrong == "the OOM killer came"
    assert leaky(shell(), {**saved, "evidence": None}).wrong == "no evidence was saved"


def test_evidence_that_is_cut_off_is_none(tmp_path: Path) -> None:
    assert leaky(shell(), outcome(tmp_path, complete=False)).wrong == "no evidence was saved"


def test_a_run_is_a_row(tmp_path: Path) -> None:
    ended = leaky(STOPPED, THAWED, shell(), shell(), outcome(tmp_path))
    called = replace(leaky(snapshot(85), FINDING), earlier=True)
    runs = [HEALTHY, ended, called]
    rows = table_text(runs).splitlines()[2:]
    assert rows == [
        "| tsc | 100 MiB | as it is | 31 s | 80% | – | – | – | – | ended well |",
        "| tsc | 100 MiB | with a leak, a first run | 31 s | 96% | – | 1 × | python3 | 1 × | "
        "the leak ended, the job ended well |",
        "| tsc | 100 MiB | with a leak, the next run | 31 s | 96% | leak at 75% | – | – | – | "
        "**it was not ended** |",
    ]
    remove_evidence(runs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [(), ("tsc", "gopls-cold")])
def test_the_jobs_are_those_named(names: tuple[str, ...]) -> None:
    assert tuple(job.name for job in chosen(names)) == (names or NAMES)


def test_the_page_has_the_markers() -> None:
    assert "\nfigures\n" in between(PAGE.read_text(encoding="utf-8"), SECTION, "figures\n")
