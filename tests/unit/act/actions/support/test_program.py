"""Programs of an incident: their end, their output, and that nothing waits for them."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from ebpftrace.act.actions.support.program import (
    RunningProgram,
    prepare_program,
    start_program,
)
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import KIB, NS_PER_SECOND
from tests.support.incidents import drive, incident
from tests.support.process_state import lives, until


def started(line: str) -> RunningProgram:
    running = start_program(
        ("/bin/sh", "-c", line), incident(), output_bytes=KIB, added={"ADDED": "1"}
    )
    assert isinstance(running, RunningProgram)
    return running


def test_facts_are_on_stdin_and_in_the_environment() -> None:
    running = started("cat; echo $ADDED $EBPFTRACE_PID")
    ended = drive(running)
    facts, variables = ended.output.splitlines()
    assert json.loads(facts)["pid"] == 4711
    assert variables == b"1 4711"
    assert (ended.status, ended.detail) == (StepStatus.DONE, "exit code 0: 1 4711")
    assert running.stop() == ""


def test_program_gets_what_was_prepared_and_the_next_gets_its_own() -> None:
    prepare_program()
    before = lowest_free()
    prepare_program()  # nothing is made twice
    assert lowest_free() == before
    first, second = started("cat; echo first"), started("cat; echo second")
    assert first.pipe < before  # it was open already
    assert first.pipe != second.pipe
    for running, word in ((first, b"first"), (second, b"second")):
        facts, said = drive(running).output.splitlines()
        assert (json.loads(facts)["pid"], said) == (4711, word)
        running.stop()


def lowest_free() -> int:
    """The number that the next descriptor gets."""
    fd = os.dup(0)
    os.close(fd)
    return fd


@pytest.mark.parametrize(
    ("line", "detail"),
    [("exit 5", "exit code 5"), ("kill -KILL $$", "ended by SIGKILL")],
)
def test_exit_code_and_signal_are_failures(line: str, detail: str) -> None:
    running = started(line)
    assert drive(running) == Ended(StepStatus.FAILED, detail)
    running.stop()


def test_program_that_cannot_be_started_is_a_failure() -> None:
    running = start_program(("/nowhere/hook",), incident(), output_bytes=KIB, added={})
    assert running.poll(0) == Ended(
        StepStatus.FAILED, "/nowhere/hook: No such file or directory"
    )


def test_cancelled_program_is_polled_until_it_has_ended() -> None:
    running = started("sleep 300")
    now_ns = time.monotonic_ns()
    assert running.cancel(now_ns)
    assert running.due_ns == now_ns + NS_PER_SECOND // 2
    assert drive(running) == Ended(StepStatus.FAILED, "killed")
    assert running.stop() == ""
    assert running.process.returncode == -9


def test_cancelled_program_is_given_up_after_half_a_second() -> None:
    running = started("trap : TERM; sleep 300")
    running.give_up_ns = 500  # as if SIGKILL had been sent in vain
    assert running.poll(499) is None
    assert running.poll(500) == Ended(StepStatus.FAILED, "killed")
    assert running.stop() == f"pid {running.process.pid} survives SIGKILL"
    os.kill(running.process.pid, signal.SIGKILL)
    until(lambda: not lives(running.process.pid))


def test_process_that_keeps_the_pipe_of_a_cancelled_program_is_reported() -> None:
    """A session of its own is out of reach of a signal to the group."""
    running = started("setsid sh -c 'echo $$; exec sleep 300' & wait")
    while not running.output.endswith(b"\n"):
        assert running.poll(time.monotonic_ns()) is None
    try:
        running.cancel(time.monotonic_ns())
        drive(running)
        assert running.stop() == "a process it started is still running"
    finally:
        os.kill(int(running.output), signal.SIGKILL)


def test_stop_kills_without_waiting_and_leaves_no_zombie() -> None:
    running = started("sleep 300")
    assert running.stop() == ""
    until(lambda: not Path(f"/proc/{running.process.pid}").exists())
