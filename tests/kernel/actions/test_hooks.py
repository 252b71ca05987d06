"""`shell` and `exec`: hooks that fail, flood their output, hang, or leave processes behind."""

import errno
import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.act.actions import shell
from ebpftrace.act.actions.exec import ExecOptions
from ebpftrace.act.actions.support.program import RunningProgram
from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import KIB
from tests.support.incidents import act, drive, incident
from tests.support.process_state import lives, until


def test_facts_are_variables_and_json_on_stdin(tmp_path: Path) -> None:
    line = f"cat >{tmp_path}/facts; env >{tmp_path}/env; echo done $EBPFTRACE_COMM"
    ended = act("shell", incident(), shell.ShellOptions(line))
    assert ended.status is StepStatus.DONE
    assert ended.detail == "exit code 0: done gopls"
    facts = json.loads((tmp_path / "facts").read_bytes())
    variables = (tmp_path / "env").read_text()
    assert facts["pid"] == 4711
    assert facts["job"] == "build-42"
    assert "EBPFTRACE_PID=4711\n" in variables
    assert f"EBPFTRACE_SENTENCE={facts['sentence']}\n" in variables


def test_fact_is_never_part_of_the_line(tmp_path: Path) -> None:
    hostile = incident(comm="$(touch evil)`touch evil`;touch evil")
    ended = act("shell", hostile, shell.ShellOptions(f'cd {tmp_path}; echo "$EBPFTRACE_COMM"'))
    assert ended.status is StepStatus.DONE
    assert "$(touch evil)" in ended.detail
    assert not list(tmp_path.iterdir())


def test_failing_hook() -> None:
    ended = act("shell", incident(), shell.ShellOptions("echo no such unit >&2; exit 5"))
    assert ended.status is StepStatus.FAILED
    assert ended.detail == "exit code 5: no such unit"


def test_killed_hook() -> None:
    ended = act("shell", incident(), shell.ShellOptions("kill -KILL $$"))
    assert ended.status is StepStatus.FAILED
    assert ended.detail == "ended by SIGKILL"


def test_missing_hook() -> None:
    ended = act("exec", incident(), ExecOptions(("/nowhere/hook", "--now")))
    assert ended.status is StepStatus.FAILED
    assert ended.detail == "/nowhere/hook: No such file or directory"


def test_hook_that_must_not_be_executed(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\n")
    ended = act("exec", incident(), ExecOptions((str(hook),)))
    assert ended.status is StepStatus.FAILED
    assert "Permission denied" in ended.detail


def wait_for(file: Path, running: Running) -> int:
    """The pid that a hook writes to a file."""
    while not file.exists() or not file.read_text(encoding="utf-8"):
        assert running.poll(time.monotonic_ns()) is None
        time.sleep(0.01)
    return int(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("cancelled", [True, False])
def test_hanging_hook_is_killed_with_its_group(tmp_path: Path, cancelled: bool) -> None:
    line = f"sleep 300 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/own; wait"
    running = shell.start(incident(), shell.ShellOptions(line))
    pids = [wait_for(tmp_path / name, running) for name in ("child", "own")]
    if cancelled:
        assert running.cancel(time.monotonic_ns())
        drive(running)
    assert running.stop() == ""
    until(lambda: not any(map(lives, pids)))


def test_daemon_that_a_hook_started_keeps_running(tmp_path: Path) -> None:
    line = f"sleep 300 & echo $! >{tmp_path}/child; echo left"
    ended = act("shell", incident(), shell.ShellOptions(line))
    child = int((tmp_path / "child").read_text())
    try:
        assert ended.status is StepStatus.DONE
        assert ended.detail == "exit code 0, a process it started is still running: left"
        assert lives(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_session_that_a_cancelled_hook_started_is_reported(tmp_path: Path) -> None:
    """It is out of reach: not of the hook's process group."""
    line = f"setsid sh -c 'echo $$ >{tmp_path}/child; exec sleep 300' & sleep 300"
    running = shell.start(incident(), shell.ShellOptions(line))
    child = wait_for(tmp_path / "child", running)
    try:
        assert running.cancel(time.monotonic_ns())
        drive(running)
        assert running.stop() == "a process it started is still running"
        assert lives(child)
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("cancelled", [True, False])
def test_flooding_hook_is_killed(cancelled: bool) -> None:
    running = shell.start(incident(), shell.ShellOptions("exec yes"))
    for _ in range(3):
        assert running.poll(time.monotonic_ns()) is None
    if cancelled:
        assert running.cancel(time.monotonic_ns())
        drive(running)
    assert running.stop() == ""


def test_stopped_hook_is_reaped() -> None:
    running = shell.start(incident(), shell.ShellOptions("exec sleep 300"))
    assert isinstance(running, RunningProgram)
    assert running.stop() == ""
    until(lambda: not Path(f"/proc/{running.process.pid}").exists())


def sleeping_children() -> str:
    command = ["pgrep", "-P", str(os.getpid()), "sleep"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_hook_without_a_descriptor_to_watch_it_is_killed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(one.name) for one in Path("/proc/self/fd").iterdir()) + 1
    for room in range(10):
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + room, before[1]))
        try:
            running = shell.start(incident(), shell.ShellOptions(f"exec sleep 3{room}"))
        except OSError as error:
            assert error.errno == errno.EMFILE
        else:
            running.stop()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        until(lambda: not sleeping_children())


def test_flood_of_output_is_bounded() -> None:
    line = "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo last"
    running = shell.start(incident(), shell.ShellOptions(line, output_bytes=10 * KIB))
    try:
        ended = drive(running)
    finally:
        running.stop()
    assert ended.status is StepStatus.DONE
    assert len(ended.output) == 10 * KIB
    assert "of its output dropped" in ended.detail
    assert len(ended.detail) < 300


def test_hook_that_closes_its_streams() -> None:
    ended = act("shell", incident(), shell.ShellOptions("exec <&- >&- 2>&-; sleep 0.1"))
    assert ended.status is StepStatus.DONE
    assert ended.detail == "exit code 0"


def test_output_is_cleaned_of_escape_sequences() -> None:
    ended = act("shell", incident(), shell.ShellOptions(r"printf '\033[2Jgone\n'"))
    assert ended.detail == "exit code 0: \\x1b[2Jgone"


def test_no_descriptor_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for line in ("true", "sleep 1 & true", "exit 3"):
        act("shell", incident(), shell.ShellOptions(line))
    act("exec", incident(), ExecOptions(("/nowhere",)))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
