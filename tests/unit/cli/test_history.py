"""`ebpftrace history`: what is printed of a file, and what `forget` leaves."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from ebpftrace.cli import cli
from ebpftrace.cli.tables.history import sparkline
from ebpftrace.errors import GoneError, HistoryError
from ebpftrace.history.run import CurvePoint, ProgramVersion, Run, RunEnd
from ebpftrace.history.sqlite_store import SqliteStore
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.render.theme import UNICODE
from tests.support.runs import CLIMB, JOB, run

DAY = 1_795_435_200  # 2026-11-23T12:00:00Z
LONG = JOB._replace(key="k", name="acme/" + "a-very-long-name-" * 9, place="/elsewhere/*")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "history.db"
    monkeypatch.setenv("EBPFTRACE_HISTORY", str(path))
    return path


def keep(file: Path, *runs: Run) -> None:
    with SqliteStore(file, clock=lambda: DAY * NS_PER_SECOND) as store:
        for number, each in enumerate(runs):
            start = (DAY - 3600 * (len(runs) - number)) * NS_PER_SECOND
            store.add(each._replace(start_time_ns=start, watch_key=str(number)))


def history(*args: str) -> Result:
    return CliRunner().invoke(cli, ["history", *args])


def lines(*args: str) -> list[str]:
    result = history(*args)
    assert result.exit_code == 0, result.output
    printed = result.output.splitlines()
    assert max(map(cell_len, printed)) <= 80, result.output
    assert "\x1b" not in result.output
    return [line.rstrip() for line in printed]


def test_each_job_has_a_row_with_its_newest_run(file: Path) -> None:
    keep(file, run(), run(), run(job=LONG, end=RunEnd.OOM_KILLED))
    heading, first, second = lines()
    assert heading.split() == ["JOB", "RUNS", "LAST", "(UTC)", "PEAK", "ENDED", "HELD"]
    assert first.startswith("acme/a-very-long-")
    assert "oom-killed" in first
    assert second.split() == [
        "acme/app", "test", "2", "11-23", "10:00", "190", "MiB", "ok", "▁▁▁▂▂▂▄▄▄▇▇▅",
    ]  # fmt: skip


def test_last_bounds_the_rows(file: Path) -> None:
    keep(file, run(), run(job=LONG), run())
    assert len(lines("--last", "1")) == 2
    assert len(lines("acme/app test", "--last", "1")) == 4


@pytest.mark.parametrize("name", ["acme/app test", "APP", JOB.key])
def test_a_job_has_a_row_for_each_run_and_its_past(file: Path, name: str) -> None:
    keep(file, run(), run(limit_bytes=None), run(end=RunEnd.ENDED_BY_EBPFTRACE), run())
    shown = lines(name)
    assert shown[0] == "acme/app test (gitlab in /ci.slice/build-*)"
    assert [line.split()[:2] for line in shown[2:6]] == [
        ["2026-11-23", f"{hour}:00"] for hour in (11, 10, "09", "08")
    ]
    assert "by ebpftrace" in shown[3]
    assert " none " in shown[4]
    assert shown[6] == (
        "past: 2 runs that ended well, at most 190 MiB; 60 MiB more is still usual"
    )


def test_a_job_without_a_past_says_so(file: Path) -> None:
    keep(file, run(), run(limit_bytes=None, end=RunEnd.FAILED))
    assert "there is no past yet" in " ".join(lines("app"))


def test_a_changed_job_says_so(file: Path) -> None:
    keep(file, run(), run([(0, 300)]))
    words = " ".join(lines("app")).split()
    assert "the newest differs from those before it" in " ".join(words)


def test_json_has_everything(file: Path) -> None:
    keep(file, run(), run(programs=(ProgramVersion("gopls", "v0.20.0"),)))
    (job,) = json.loads(history("--json").stdout)["jobs"]
    assert (job["name"], job["run_count"], len(job["runs"])) == ("acme/app test", 2, 1)
    assert job["runs"][0]["programs"] == [{"name": "gopls", "version": "v0.20.0"}]
    (job,) = json.loads(history("app", "--json").stdout)["jobs"]
    assert [len(each["curve"]) for each in job["runs"]] == [len(CLIMB)] * 2
    assert job["runs"][0]["end"] == "ok"


def test_an_empty_history_says_so(file: Path) -> None:
    keep(file)
    assert lines() == ["no run was recorded yet"]
    assert json.loads(history("--json").stdout) == {"schema": 1, "jobs": []}


def test_forget_drops_the_jobs_of_that_very_name(file: Path) -> None:
    keep(file, run(), run(), run(job=LONG), run(job=JOB._replace(key="other", place="/x")))
    assert lines("forget", "acme/app test") == [
        "forgot 1 run of acme/app test in /x",
        "forgot 2 runs of acme/app test in /ci.slice/build-*",
    ]
    assert len(lines()) == 2
    assert isinstance(history("forget", "acme").exception, GoneError)


def test_an_unknown_job_and_a_missing_file_are_explained(file: Path) -> None:
    missing = history().exception
    assert isinstance(missing, GoneError)
    assert "there is no history" in missing.what
    keep(file, run())
    unknown = history("no such job\x1b[31m").exception
    assert isinstance(unknown, GoneError)
    assert "'no such job\\\\x1b[31m'" in unknown.what


def test_a_damaged_file_has_an_exit_code_of_its_own(file: Path) -> None:
    file.write_bytes(b"no database" * 100)
    file.chmod(0o600)
    error = history().exception
    assert isinstance(error, HistoryError)
    assert error.exit_code == 12


def test_a_job_may_be_called_like_a_command(file: Path) -> None:
    keep(file, run(job=JOB._replace(key="f", name="forget")))
    assert lines("show", "forget")[0].startswith("forget (")


def test_a_sparkline_fills_what_has_no_point() -> None:
    curve = [CurvePoint(0, 0), CurvePoint(1, 70), CurvePoint(8, 35)]
    assert sparkline(curve, 8, UNICODE) == " ▇▇▇▇▇▇▄"
    assert sparkline([CurvePoint(0, 5)], 4, UNICODE) == "▇▇▇▇"
    assert sparkline([], 4, UNICODE) == ""
