"""`ebpftrace doctor --file`: exit codes, JSON, SARIF, and a job's past."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebpftrace.cli import cli
from ebpftrace.errors import EbpftraceError, ErrorsFoundError, UsageError, WarningsFoundError
from ebpftrace.history.run import RunEnd
from ebpftrace.history.sqlite_store import SqliteStore
from tests.support.runs import run

CLEAN, WARNING, ERROR = "gopls check x.go", "GOCACHE=$(mktemp -d) make", "gopls -memprofile=x"


def doctor(*args: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *args])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("clean", CLEAN), ("warning", WARNING), ("error", ERROR)):
        (tmp_path / f"{name}.sh").write_text(f"{text}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_clean_file_prints_nothing(files: Path) -> None:
    done = doctor("--file", "clean.sh")
    assert (done.exit_code, done.output) == (0, "")


def test_the_worst_decides_the_exit_code(files: Path) -> None:
    warned = doctor("--file", "clean.sh", "--file", "warning.sh").exception
    assert isinstance(warned, WarningsFoundError)
    assert warned.what == "1 warning"
    failed = doctor("--file", "error.sh", "warning.sh", "error.sh").exception
    assert isinstance(failed, ErrorsFoundError)
    assert failed.what == "2 errors and 1 warning"


def test_json_has_every_file_and_problem(files: Path) -> None:
    printed = json.loads(doctor("--json", "--file", "clean.sh", "error.sh").output)
    assert printed["schema"] == 1
    clean, error = printed["files"]
    assert clean == {"file": "clean.sh", "problems": []}
    (problem,) = error["problems"]
    assert problem == problem | {
        "rule": "gopls-flag", "state": "error", "line": 1, "column": 7, "end_line": 1,
        "end_column": 20, "seen": "gopls -memprofile",
    }  # fmt: skip


def test_sarif_is_written_beside_the_lines(files: Path) -> None:
    done = doctor("--file", "error.sh", "--sarif", "out.sarif")
    assert done.output.startswith("error.sh:1:7: error: gopls -memprofile: ")
    log = json.loads((files / "out.sarif").read_text())
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["gopls-flag"]
    failed = doctor("--file", "error.sh", "--sarif", "missing/out.sarif").exception
    assert isinstance(failed, EbpftraceError)
    assert "SARIF" in failed.what


def test_a_limit_is_compared_with_the_runs_of_a_job_that_ended_well(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBPFTRACE_HISTORY", str(files / "history.db"))
    (files / "ci.sh").write_text("ebpftrace run --memory 180MiB -- make\n")
    with SqliteStore(files / "history.db") as store:
        store.add(run(end=RunEnd.OOM_KILLED))
    unknown = doctor("--file", "ci.sh", "--job", "acme/app test").exception
    assert isinstance(unknown, EbpftraceError)
    assert "no run of this job" in unknown.what
    with SqliteStore(files / "history.db") as store:
        store.add(run(start_time_ns=1_700_000_100_000_000_000))
    assert "took up to 190 MiB" in doctor("--file", "ci.sh", "--job", "acme/app test").output
    assert doctor("--file", "ci.sh").output == ""


def test_no_file_is_mended(files: Path) -> None:
    assert isinstance(doctor("--file", "warning.sh", "--fix").exception, UsageError)


@pytest.mark.parametrize("args", [("ci.yml",), ("--job", "x"), ("--sarif", "x")])
def test_what_is_about_files_needs_one(args: tuple[str, ...]) -> None:
    assert isinstance(doctor(*args).exception, UsageError)


@pytest.mark.parametrize("option", [["--fix"], ["--file", "clean.sh"], ["--job", "a"]])
def test_a_module_is_measured_alone(files: Path, option: list[str]) -> None:
    result = doctor("--module", ".", *option)
    assert isinstance(result.exception, UsageError)
