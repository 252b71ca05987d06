"""`ebpftrace policy`, as a user runs it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import cgroups
from tests.support.cli import (
    assert_explained,
    assert_on_one_screen,
    ebpftrace,
    ebpftrace_as_nobody,
)

POLICIES = """\
[[policy]]
name = "go tools"
match.comm = "go"
when = [{ detector = "oom" }]
then = [{ action = "shell", line = "true" }]

[[policy]]
name = "this job"
match = { comm = "sleep", job_kind = "github", cgroup = "*/ebpftrace-*" }
when = [{ detector = "growth", bound = "256MiB", window = "60s" }]
then = [{ action = "signal" }]
grace = "10m"

[[policy]]
name = "the rest"
when = [{ detector = "level", bound = "85%" }]
then = [{ action = "capture" }]
"""


def unwrapped(text: str) -> str:
    """Without white space: a path longer than a line is broken anywhere."""
    return "".join(text.split())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "policy.toml"
    written.write_text(POLICIES)
    written.chmod(0o644)
    return written


def test_a_good_file_is_named_with_its_policies(file: Path) -> None:
    done = ebpftrace("policy", "check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    summary = f"{file}: 3 policies: go tools, this job, the rest"
    assert unwrapped(done.stdout) == unwrapped(summary)


def test_every_mistake_is_reported_with_file_and_line(file: Path) -> None:
    file.write_text(
        POLICIES.replace("growth", "grwth").replace('"85%"', "0.85"), encoding="utf-8"
    )
    done = ebpftrace("policy", "check", str(file))
    assert (done.returncode, done.stdout) == (10, "")
    lines = done.stderr.replace("\n  ", "").splitlines()
    assert len(lines) == 2
    mistakes = (
        f'{file}:10: policy[1].when[0].detector: found "grwth", expected "growth"',
        f"{file}:16: policy[2].when[0].bound: found 0.85, expected a share",
    )
    for line, mistake in zip(lines, mistakes, strict=True):
        assert unwrapped(line).startswith(unwrapped(mistake))


@pytest.mark.parametrize("command", [("policy", "check"), ("audit",)])
def test_a_file_that_may_not_be_read_is_told_as_such(
    file: Path, command: tuple[str, ...]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become the user nobody")
    file.chmod(0o600)
    text = assert_explained(ebpftrace_as_nobody(*command, str(file)), 1)
    assert "why: Permission denied" in text


@pytest.mark.parametrize("command", [("policy", "check"), ("audit",)])
def test_a_pipe_without_a_writer_does_not_block(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = ebpftrace(*command, str(tmp_path / "pipe"))
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if command == ("audit",) else 1)


def test_a_watch_does_not_start_with_a_wrong_file(file: Path) -> None:
    file.write_text(POLICIES.replace("growth", "grwth"), encoding="utf-8")
    text = assert_explained(ebpftrace("watch", "--once", "--config", str(file)), 10)
    assert "line 10: policy[1].when[0].detector" in text


def test_the_default_places_are_searched(file: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(file.parent / "config")}
    text = assert_explained(ebpftrace("policy", "check", environment=home), 2)
    assert "no policy file in the default locations" in text
    place = file.parent / "config/ebpftrace/policy.toml"
    place.parent.mkdir(parents=True)
    file.rename(place)
    done = ebpftrace("policy", "check", environment=home)
    assert (done.returncode, "3 policies" in done.stdout) == (0, True)


@pytest.mark.kernel
def test_the_default_places_are_left_alone_where_that_is_asked_for(file: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(file.parent / "config")}
    place = file.parent / "config/ebpftrace/policy.toml"
    place.parent.mkdir(parents=True)
    place.write_text("no policy")
    options = ("watch", "--once", "--output", "jsonl")
    assert_explained(ebpftrace(*options, environment=home), 10)
    done = ebpftrace(*options, "--no-config", environment=home)
    assert (done.returncode, done.stderr) == (0, "")


def test_policies_are_explained_in_words(file: Path) -> None:
    done = ebpftrace("policy", "explain", str(file))
    assert_on_one_screen(done.stdout)
    assert done.returncode == 0
    assert "2. this job" in done.stdout
    assert "when   a job gains 256 MiB in 1m00s" in done.stdout
    assert "then   capture, then signal" in done.stdout


@pytest.mark.kernel
def test_explain_says_which_policy_applies_to_a_process(file: Path) -> None:
    variables = {
        "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "99", "GITHUB_RUN_NUMBER": "7",
        "GITHUB_JOB": "lint", "GITHUB_REPOSITORY": "org/repo",
    }  # fmt: skip
    settings = [f"{name}={value}" for name, value in variables.items()]
    with cgroups.memory_cgroup() as group:
        sleeper = group.run(["env", "-i", *settings, "/bin/sleep", "60"])
        while Path(f"/proc/{sleeper.pid}/comm").read_text(encoding="utf-8") != "sleep\n":
            os.sched_yield()
        done = ebpftrace("policy", "explain", str(file), "--pid", str(sleeper.pid))
    sleeper.wait()
    assert (done.returncode, done.stderr) == (0, "")
    assert_on_one_screen(done.stdout)
    text = " ".join(done.stdout.split())
    assert f"sleep {sleeper.pid} is in the github job org/repo#7 lint" in text
    assert "no match go tools: comm is sleep, not go" in text
    assert "applies this job" in text
    assert "too late the rest: it matches, but this job comes first" in text
    assert re.search(
        r"It is exempt for another \d+m\d\ds \(grace 10m00s\), unless its limit comes first\.",
        text,
    )


def test_a_process_that_is_never_signalled_is_reported(file: Path) -> None:
    done = ebpftrace("policy", "explain", str(file), "--pid", "1", "--pid", str(os.getpid()))
    assert_on_one_screen(done.stdout)
    text = " ".join(done.stdout.split())
    assert "No policy ever signals it: 1 is the init process." in text
    assert "Its descendants, such as this ebpftrace, never signal it." in text
    assert "It is older than the grace period of 10s." in text


def test_a_process_that_is_not_there(file: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    done = ebpftrace("policy", "explain", str(file), "--pid", str(gone.pid))
    assert f"there is no process {gone.pid}" in assert_explained(done, 9)


def test_the_schema_is_json(file: Path) -> None:
    done = ebpftrace("policy", "schema")
    policy = json.loads(done.stdout)["properties"]["policy"]["items"]
    assert "cooldown" in policy["properties"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--growth", "256MiB"], "--growth cannot be '256MiB'"),
        (["--level", "85"], "--level cannot be '85'"),
        (["--on-breach", " "], "--on-breach is empty"),
        (["--level", "85%", "--config", "/dev/null"], "--config excludes --growth"),
        (["--config", "mine.toml", "--no-config"], "--config and --no-config exclude"),
        (["--no-config", "--dry-run"], "--dry-run needs a policy"),
        (["--config", "/dev/null"], "cannot read the policy file /dev/null"),
    ],
)
def test_options_that_do_not_fit(options: list[str], text: str) -> None:
    done = ebpftrace("watch", "--once", *options)
    code = 1 if "/dev/null" in text else 2
    assert text in assert_explained(done, code)
