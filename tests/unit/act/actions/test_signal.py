"""signal: one signal after the other, until the process has ended."""

import signal
import subprocess
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions import signal as action
from ebpftrace.act.actions.signal import SignalOptions
from ebpftrace.act.actions.support import heirs
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.probe import Heir
from ebpftrace.units import MIB, NS_PER_SECOND
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


def test_processes_that_share_its_memory_end_with_it(sleeping_job: Incident) -> None:
    with subprocess.Popen(["sleep", "60"]) as sharer:
        stat = proc.read_stat(sharer.pid)
        assert stat is not None
        key = ProcessKey(sharer.pid, stat.start_boottime_ns)
        running = action.start(sleeping_job, NONE, find_sharers=lambda _keys: [key])
        ended = drive(running)
        running.stop()
        assert sharer.wait() == -signal.SIGTERM
    assert ended.status is StepStatus.DONE
    assert ended.detail.endswith(", with 1 process that shared its memory")


class InitAsHeir:
    """A `HeirControl` that finds a process which is never signalled."""

    def expect(self, keys: Collection[ProcessKey], number: int = 0) -> int:
        return 7

    def heirs(self, number: int) -> list[Heir]:
        return [Heir(ProcessKey(1, 2), 400 * MIB)]

    def forks(self, number: int) -> int:
        return 0

    def end(self, number: int) -> None:
        pass


def test_step_has_failed_where_the_memory_stays_with_another_process(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heirs, "_WITHIN_NS", 0)
    running = action.start(sleeping_job, NONE, heirs=InitAsHeir())
    ended = drive(running)
    running.stop()
    assert ended.status is StepStatus.FAILED
    assert ended.detail.endswith(
        ", but 1 process that kept its memory still runs, with 400 MiB"
    )


def test_no_signals_are_refused() -> None:
    with pytest.raises(ValueError, match="send is empty"):
        SignalOptions(send=())


def taken(cgroup: Path, mib: int) -> None:
    (cgroup / "memory.current").write_text(f"{mib * MIB}\n")
    (cgroup / "memory.stat").write_text(f"anon {mib * MIB}\nfile 0\nshmem 0\n")


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        (500 * MIB, ["SIGHUP", "SIGKILL"]),
        (800 * MIB, ["SIGHUP"]),
        (None, ["SIGHUP"]),
    ],
    ids=["near", "far", "no limit"],
)
def test_a_grace_is_cut_short_where_the_limit_is_near(
    sleeping_job: Incident, cgroup: Path, limit: int | None, sent: list[str]
) -> None:
    """The process catches its signal and grows by 100 MiB a second."""
    options = SignalOptions(send=("HUP", "KILL"), grace_ns=60 * NS_PER_SECOND, orphans="none")
    running = action.start(replace(sleeping_job, limit_bytes=limit), options)
    assert isinstance(running, action._Signaling)
    names: list[str] = []
    running.targets.send = lambda number: names.append(number.name) or 1  # type: ignore[method-assign, func-returns-value]
    for tenth in range(30):
        taken(cgroup, 200 + 10 * tenth)
        running.poll(NS_PER_SECOND + tenth * NS_PER_SECOND // 10)
    running.stop()
    assert names == sent
    assert running.is_cut_short is (len(sent) == 2)


def test_a_last_signal_has_no_grace_to_cut(sleeping_job: Incident, cgroup: Path) -> None:
    options = SignalOptions(send=("HUP",), grace_ns=60 * NS_PER_SECOND, orphans="none")
    running = action.start(replace(sleeping_job, limit_bytes=500 * MIB), options)
    assert isinstance(running, action._Signaling)
    running.targets.send = lambda number: 1  # type: ignore[method-assign]
    for tenth in range(30):
        taken(cgroup, 200 + 10 * tenth)
        assert running.poll(NS_PER_SECOND + tenth * NS_PER_SECOND // 10) is None
    assert running.due_ns == 61 * NS_PER_SECOND
    running.stop()


def test_the_last_signal_is_reported(sleeping_job: Incident) -> None:
    assert act("signal", sleeping_job, NONE).signal == "TERM"
