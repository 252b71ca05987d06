"""What `ebpftrace run` says of a command that has ended, and what it leaves behind."""

import json
import os
import pwd
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import ROOT, exact_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import as_user
from tests.support.patience import patient

pytestmark = pytest.mark.kernel

SECONDS = patient(120.0)
MIB = 1 << 20
HOLDS = f"{exact_binary()}"


def run(
    group: MemoryCgroup, *words: str | Path, said: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`words` are the options and the command; `said` is its standard input."""
    argv = [sys.executable, "-P", "-m", "ebpftrace", "run", *words]
    return subprocess.run(
        group.inside(argv), input=said, capture_output=True, text=True, timeout=SECONDS,
        check=False, cwd=ROOT, env={**os.environ, "COLUMNS": "80", **environment},
    )  # fmt: skip


def said_by(done: subprocess.CompletedProcess[str]) -> str:
    """On one line."""
    assert "Traceback" not in done.stderr
    assert all(len(line) <= 80 for line in done.stderr.splitlines())
    return " ".join(done.stderr.split())


def made(group: MemoryCgroup) -> list[Path]:
    """The cgroups of runs that are there: on v2 beside the group, which has processes."""
    where = group.path if group.version == 1 else group.path.parent
    return list(where.glob("ebpftrace-run-*"))


def as_json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_peak_and_its_holder_are_said_and_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    with memory_cgroup() as group:
        # --require: the watch has begun before the command does.
        options = ("--require", "--memory", "512MiB", "--json", file, "--")
        done = run(group, *options, HOLDS, said="map 200MiB\ntouch 0\n")
        assert made(group) == []
    assert done.returncode == 0, done.stderr
    said = said_by(done)
    found = as_json(file)
    assert found["watched"] is True
    assert found["limit_bytes"] == 512 * MIB
    assert 200 * MIB <= found["peak_bytes"] < 204 * MIB
    assert found["peak_holder"].startswith("exact-")
    assert "held at most 20" in said
    assert "of the limit of 512 MiB, most of it by exact" in said
    assert "GOMEMLIMIT=460MiB was set" in said


def test_end_by_the_oom_killer_is_explained_and_has_its_code(tmp_path: Path) -> None:
    file, metrics = tmp_path / "summary.md", tmp_path / "metrics.txt"
    files = ("--summary", file, "--metrics", metrics)
    with memory_cgroup() as group:
        options = ("--require", "--memory", "64MiB", *files, "--")
        done = run(group, *options, HOLDS, said="map 200MiB\ntouch 0\n")
    assert done.returncode == -signal.SIGKILL
    said = said_by(done)
    assert "was ended by SIGKILL, from the OOM killer" in said
    assert "The OOM killer ended a process (exact-" in said
    assert file.read_text(encoding="utf-8").startswith("### \N{WARNING SIGN}")
    (kills,) = re.findall("^ebpftrace_run_oom_kills (.*)", metrics.read_text(), re.MULTILINE)
    assert float(kills) == 1


def test_fuse_ends_it_before_the_limit_with_evidence() -> None:
    with memory_cgroup() as group:
        options = ("--require", "--memory", "256MiB", "--fuse", "128MiB", "--")
        done = run(group, *options, HOLDS, said="map 200MiB\ntouch 0\n")
    said = said_by(done)
    assert done.returncode in (-signal.SIGTERM, -signal.SIGKILL), said
    assert "OOM killer" not in said
    assert "exact" in said
    evidence = said.partition("evidence: ")[2].split()[0]
    assert Path(evidence).is_dir()


def test_command_is_started_again_after_a_breach(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    blocked = "grep SigBlk /proc/self/status"
    script = f'{blocked}; [ ! -e {tmp_path}/second ] || exit 5; >{tmp_path}/second; exec "$0"'
    options = ("--require", "--memory", "256MiB", "--fuse", "128MiB", "--restart", "1")
    with memory_cgroup() as group:
        done = run(group, *options, "--json", file, "--", "sh", "-c", script, HOLDS,
                   said="map 200MiB\ntouch 0\n")  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert as_json(file)["restarts"] == 1
    first, second = [line for line in done.stdout.splitlines() if line.startswith("SigBlk")]
    assert first == second == f"SigBlk:\t{0:016x}"
    assert "It was started again once." in said_by(done)


def test_a_job_of_github_has_a_summary_and_an_annotation(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    with memory_cgroup() as group:
        done = run(
            group, "--require", "--memory", "64MiB", "--", HOLDS, said="map 200MiB\ntouch 0\n",
            GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary),
        )  # fmt: skip
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n### ")
    assert done.stdout.count("\n") == 2  # the command's own answers
    (annotation,) = [line for line in done.stderr.splitlines() if line.startswith("::")]
    assert annotation.startswith("::error title=ebpftrace::the OOM killer ended exact")


def test_chart_has_a_peak_that_was_over_before_the_next_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    script = f"printf 'map 200MiB\\ntouch 0\\n' | {HOLDS} >/dev/null; sleep 4"
    with memory_cgroup() as group:
        done = run(group, "--require", "--summary", file, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    top = file.read_text(encoding="utf-8").partition("```text\n")[2].split("┤")[0]
    assert 200 <= int(top.removesuffix("MiB ")) < 210


def test_what_runs_on_is_left_and_said_and_cleared_by_the_next_run() -> None:
    with memory_cgroup() as group:
        done = run(group, "--", "sh", "-c", "setsid sleep 100 >/dev/null 2>&1 </dev/null &")
        assert done.returncode == 0
        said = said_by(done)
        assert "a process is left (" in said
        (left,) = made(group)
        (pid,) = (left / "cgroup.procs").read_text().split()
        kept = Path(said.partition("; ")[2].split()[0])
        assert kept.is_dir()
        os.kill(int(pid), signal.SIGKILL)
        while (left / "cgroup.procs").read_text():
            time.sleep(0.02)
        assert run(group, "--", "true").returncode == 0
        assert not left.exists()
    kept.rmdir()


def test_command_has_a_folder_for_temporary_files_that_is_removed() -> None:
    with memory_cgroup() as group:
        done = run(
            group, "--", "sh", "-c", 'echo $TMPDIR; touch "$TMPDIR/a"; ln -s / $TMPDIR/b'
        )
        assert not Path(done.stdout.strip()).exists()
        same = run(
            group, "--no-tmpdir", "--", "sh", "-c", "echo ${TMPDIR:-none}", TMPDIR="/tmp"
        )
        assert same.stdout == "/tmp\n"


def test_command_has_only_the_rights_of_its_user() -> None:
    script = (
        'id -u; id -G; echo "$HOME $USER"; touch "$TMPDIR/a" && ls "$TMPDIR"; pwd;'
        "grep CapEff /proc/self/status; kill -TERM $PPID; exit 3"
    )
    with memory_cgroup() as group:
        done = run(group, "--user", "nobody", "--memory", "512MiB", "--", "sh", "-c", script)
    assert done.returncode == 3, done.stderr
    entry = pwd.getpwnam("nobody")
    assert done.stdout.splitlines() == [
        str(entry.pw_uid), str(entry.pw_gid), f"{entry.pw_dir} nobody", "a", str(ROOT),
        f"CapEff:\t{0:016x}",
    ]  # fmt: skip
    assert "kill" in done.stderr  # of root's process


def test_more_than_in_the_run_before_is_a_failure_of_its_own(tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    grown = ("--compare-with", before, "--max-increase", "10%", "--")
    with memory_cgroup() as group:
        small = "map 50MiB\ntouch 0\n"
        assert (
            run(group, "--require", "--json", before, "--", HOLDS, said=small).returncode == 0
        )
        assert run(group, "--require", *grown, HOLDS, said=small).returncode == 0
        done = run(group, "--require", *grown, HOLDS, said="map 80MiB\ntouch 0\n")
        assert done.returncode == 16
        assert "more than in the run it is compared with" in said_by(done)
        assert run(group, *grown, "sh", "-c", "exit 3").returncode == 3


def test_ordinary_user_runs_the_command_and_is_told_what_is_missing() -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        argv = [sys.executable, "-P", "-m", "ebpftrace", "run", "--memory", "64MiB", "--"]
        done = subprocess.run(
            as_user([*argv, "sh", "-c", "echo on; exit 3"]), capture_output=True, text=True,
            timeout=SECONDS, check=False, cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": home, "TMPDIR": home},
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (3, "on\n"), done.stderr
        said = said_by(done)
        assert "no memory cgroup of its own" in said
        assert "--memory has no effect" in said
        required = subprocess.run(
            as_user([*argv[:-1], "--require", "--", "echo", "on"]), capture_output=True,
            text=True, timeout=SECONDS, check=False, cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert (required.returncode, required.stdout) == (1, "")
        assert "without --require it runs all the same" in said_by(required)


@pytest.mark.parametrize(
    ("options", "word"),
    [(("--memory", "12"), "too little"), (("--max-increase", "10%"), "--compare-with"),
     (("--compare-with", "/nonexistent/file"), "No such file"), (("--timeout", "soon"), "soon"),
     (("--fuse", "much"), "much"), (("--growth", "1GiB"), "1GiB"),
     (("--user", "not-there"), "no user"), (("--on-breach", ""), "empty"), ((), "COMMAND")],
)  # fmt: skip
def test_wrong_usage_starts_nothing(options: tuple[str, ...], word: str) -> None:
    with memory_cgroup() as group:
        done = run(group, *options, *(["--", "echo", "on"] if options else []))
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
