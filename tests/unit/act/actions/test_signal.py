"""signal: one signal after the other, until the process has ended."""

import subprocess
from dataclasses import replace

import pytest

from ebpftrace.act.actions import signal as action
from ebpftrace.act.actions.signal import SignalOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND
from tests.support.incidents import act, drive

NONE = SignalOptions(orphans="none")


def test_process_is_ended_by_the_first_signal(sleeping_job: Incident) -> None:
    ended = act("signal", sleeping_job, NONE)
    assert ended.status is StepStatus.DONE
    assert ended.detail.startswith(f"{sleeping_job.target_name} ended by TERM after ")


def test_next_signal_is_sent_after_the_grace(sleeping_job: Incident) -> None:
    running = action.start(sleeping_job, SignalOptions(send=("USR1",), orphans="none"))
    assert isinstance(running, action._Signaling)
    sent: list[str] = []
    running.options = SignalOptions(send=("HUP", "KILL"), grace_ns=5, orphans="none")
    running.targets.send = lambda number: sent.append(number.name) or 1  # type: ignore[method-assign, func-returns-value]
    assert running.poll(100) is None
    assert running.due_ns == 105
    assert running.poll(104) is None
    assert sent == ["SIGHUP"]
    assert running.poll(105) is None
    assert sent == ["SIGHUP", "SIGKILL"]
    ended = running.poll(110)
    running.stop()
    assert ended is not None
    assert ended.status is StepStatus.FAILED
    assert ended.detail == f"{sleeping_job.target_name} is still running after HUP, KILL"


def test_process_that_has_ended_is_not_signalled(
    sleeping_job: Incident, sleeper: subprocess.Popen[bytes]
) -> None:
    sleeper.kill()
    sleeper.wait()
    ended = act("signal", sleeping_job, NONE)
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == f"not signalled: {sleeper.pid} has ended"


def test_process_that_moved_is_not_signalled(
    sleeping_job: Incident, sleeper: subprocess.Popen[bytes]
) -> None:
    moved = replace(sleeping_job.target, cgroup="/elsewhere")
    ended = act("signal", replace(sleeping_job, target=moved), NONE)
    assert ended.status is StepStatus.SKIPPED
    assert "moved to the cgroup" in ended.detail
    assert sleeper.poll() is None


@pytest.mark.parametrize(("name", "resumed"), [("TERM", True), ("KILL", False)])
def test_stopped_process_is_resumed_to_handle_the_signal(
    sleeping_job: Incident, name: action.Name, resumed: bool
) -> None:
    keys: list[ProcessKey] = []
    options = SignalOptions(send=(name,), grace_ns=NS_PER_SECOND, orphans="none")
    running = action.start(sleeping_job, options, resume=keys.append)
    assert drive(running).status is StepStatus.DONE
    running.stop()
    assert keys == ([sleeping_job.target.key] if resumed else [])


def test_no_signals_are_refused() -> None:
    with pytest.raises(ValueError, match="send is empty"):
        SignalOptions(send=())
