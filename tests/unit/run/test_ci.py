"""What each CI system gets, by the environment that its runner sets."""

import os
from pathlib import Path

import pytest

from ebpftrace.run.ci import problems, report_to_ci
from ebpftrace.run.command import CommandEnd
from ebpftrace.run.paragraph import paragraph
from ebpftrace.run.result import RunResult

FINDING = {
    "type": "finding", "state": "begin", "severity": "warning", "detector": "leak",
    "job": {"key": "5"}, "pid": 7, "unit": "bytes", "sentence": "gopls 7 leaks 100%\nsays it",
}  # fmt: skip
KILL = {"type": "oom_kill", "comm": "gopls", "pid": 7}
BAD = RunResult(
    ("go", "test"), CommandEnd(137, 9, 10**9), oom_kills=1, events=(FINDING, KILL),
    peak_bytes=1 << 30, peak_of="Its processes held",
)  # fmt: skip
GOOD = RunResult(("true",), CommandEnd(0, 0, 10**9))


def test_without_a_ci_system_it_is_the_paragraph() -> None:
    assert report_to_ci(BAD, {}) == paragraph(BAD)
    assert report_to_ci(BAD, {"GITHUB_ACTIONS": "false"}) == paragraph(BAD)


def test_problems_are_kills_and_findings() -> None:
    assert problems(GOOD) == []
    assert [level for level, _ in problems(BAD)] == ["error", "warning"]


def test_github_gets_a_summary_and_escaped_annotations(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    text = report_to_ci(BAD, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    assert text.startswith(paragraph(BAD))
    assert text.removeprefix(paragraph(BAD)) == (
        "::error title=ebpftrace::the OOM killer ended gopls 7\n"
        "::warning title=ebpftrace::leak: gopls 7 leaks 100%25%0Asays it\n"
    )
    assert file.read_text(encoding="utf-8").startswith("### ")


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder", "full"])
def test_summary_is_written_to_a_file_with_room_alone(tmp_path: Path, kind: str) -> None:
    file, other = tmp_path / "summary", tmp_path / "other"
    other.write_bytes(b"")
    if kind == "symlink":
        file.symlink_to(other)
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.write_bytes(bytes(1 << 20))
    report_to_ci(BAD, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    assert other.read_bytes() == b""
    assert kind != "full" or file.stat().st_size == 1 << 20


def test_gitlab_folds_it_and_azure_logs_issues() -> None:
    folded = report_to_ci(BAD, {"GITLAB_CI": "true"})
    assert folded.startswith("\x1b[0Ksection_start:")
    assert folded.rstrip().endswith(":ebpftrace\r\x1b[0K")
    assert paragraph(BAD).splitlines()[1] in folded
    assert "##vso[task.logissue type=error]the OOM killer" in report_to_ci(
        BAD, {"TF_BUILD": "True"}
    )


def test_buildkite_s_agent_annotates_where_it_is(tmp_path: Path) -> None:
    agent = tmp_path / "buildkite-agent"
    agent.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/said\ncat >>{tmp_path}/said\n')
    agent.chmod(0o755)
    environment = {"BUILDKITE": "true", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert report_to_ci(BAD, environment) == paragraph(BAD)
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert said.startswith("annotate --style error --context ebpftrace\n### ")
    assert report_to_ci(BAD, {"BUILDKITE": "true", "PATH": "/nonexistent"}) == paragraph(BAD)
