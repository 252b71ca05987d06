"""What a watch with policies does between two ticks, in scripted time.

The process it acts on is a real one that only sleeps: an incident has to identify it.
"""

import itertools
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind, UserCommand, UserCommandKind
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy, Step
from ebpftrace.act.policy.reader import default_step
from ebpftrace.events import ProcessKey, QuotaReached, SharedTable
from ebpftrace.host import proc
from ebpftrace.host.proc import OwnCost
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Snapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.conditions import growth, level
from tests.support.scripted_watch import GROUP, ScriptedWatch, fake_key

pytestmark = pytest.mark.usefixtures("run_folder")

NOTIFY: Step = default_step("notify", ACTIONS)
SLEEP: Step = default_step("shell", ACTIONS, line="sleep 60")
GOPLS = fake_key()


def policy(*when: Condition, fuse: Fuse | None = None) -> Policy:
    return Policy(
        "leaks", Match(), when or (level(64 * MIB),), Mode.ANY, (NOTIFY,), grace_ns=0, fuse=fuse
    )


def readings(scripted: ScriptedWatch) -> list[float]:
    """When the probe was read, in seconds; filled as the watch runs."""
    times: list[float] = []
    scripted.probe.on_read = lambda: times.append(round(scripted.time.seconds, 3))
    return times


def test_breaker_reads_soon_after_a_start_and_the_view_does_not(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(policy(),))
    times = readings(scripted)
    scripted.at(1.5, lambda: scripted.start(GOPLS))
    view = scripted.run(duration_ns=3 * NS_PER_SECOND)
    assert times == [0, 1, 1.51, 2, 3]
    assert view.times("snapshot") == [0, 1, 2]


def test_watch_without_policies_reads_at_ticks_only(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path)
    times = readings(scripted)
    scripted.at(1.5, lambda: scripted.start(GOPLS))
    scripted.run(duration_ns=3 * NS_PER_SECOND)
    assert times == [0, 1, 2, 3]


def test_window_shorter_than_an_interval_is_sampled_within_it(tmp_path: Path) -> None:
    short = policy(growth(64 * MIB, NS_PER_SECOND // 2))
    scripted = ScriptedWatch(tmp_path, policies=(short,))
    times = readings(scripted)
    scripted.run(duration_ns=2 * NS_PER_SECOND)
    assert len(times) > 5
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps) <= 0.5


def test_level_is_acted_on_at_the_tick(tmp_path: Path, sleeper: ProcessKey) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(policy(),))
    scripted.start(sleeper)
    scripted.at(1.5, lambda: scripted.probe.hold(sleeper, 100))
    view = scripted.run()
    (step,) = view.all(StepOutcome)
    assert (step.action, step.status, step.process) == ("notify", StepStatus.DONE, sleeper)
    assert view.times("step") == [2]


def test_breach_is_acted_on_at_once(tmp_path: Path, sleeper: ProcessKey) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(policy(),))
    scripted.start(sleeper)
    scripted.at(1.5, lambda: scripted.breach(sleeper, 100))
    view = scripted.run()
    assert view.times("step") == [1.5]
    half_way = (10 + 64) // 2 * MIB
    assert ("mark group", GROUP, half_way) in scripted.probe.asked
    assert ("read group", GROUP, sleeper.pid) in scripted.probe.asked


def test_running_action_is_stopped_with_the_watch(tmp_path: Path, sleeper: ProcessKey) -> None:
    slow = replace(policy(), ladder=(SLEEP,))
    scripted = ScriptedWatch(tmp_path, policies=(slow,))
    scripted.start(sleeper)
    scripted.at(1.5, lambda: scripted.breach(sleeper, 100))
    view = scripted.run(duration_ns=2 * NS_PER_SECOND)
    (step,), (outcome,) = view.all(StepOutcome), view.all(Outcome)
    assert step.status is not StepStatus.DONE
    assert "the watch ended" in step.detail + outcome.sentence
    assert view.times("outcome") == view.times("end") == [2]


@pytest.fixture
def fused(tmp_path: Path, sleeper: ProcessKey) -> ScriptedWatch:
    """The process is stopped by its fuse after one and a half seconds, and resumed in the
    end."""
    fuse = Fuse(GIB, False, then=FuseEnd.THAW)
    scripted = ScriptedWatch(
        tmp_path, policies=(policy(level(8 * GIB), fuse=fuse),), fuses=True
    )
    scripted.start(sleeper)
    scripted.at(1.5, lambda: scripted.blow(sleeper, 1100))
    return scripted


def kinds(scripted: ScriptedWatch) -> list[FuseEventKind]:
    return [event.kind for event in scripted.view.all(FuseEvent)]


def test_stopped_process_gets_a_snapshot_and_an_incident_at_once(
    fused: ScriptedWatch, sleeper: ProcessKey
) -> None:
    view = fused.run()
    assert view.times("snapshot")[:3] == [0, 1, 1.5]
    assert view.times("fuse")[0] == 1.5
    assert view.all(StepOutcome)[0].action == "notify"
    assert kinds(fused) == [FuseEventKind.STOPPED, FuseEventKind.THAWED]
    assert fused.holding.resumed == [sleeper]
    assert fused.probe.asked.index(("arm group", GROUP, GIB, 19)) < fused.probe.asked.index(
        ("clear stop", sleeper.pid)
    )


def test_process_that_is_still_stopped_at_the_end_is_resumed_before_the_probe_closes(
    fused: ScriptedWatch, sleeper: ProcessKey
) -> None:
    fused.run(duration_ns=3 * NS_PER_SECOND // 2)
    assert fused.holding.resumed == [sleeper]
    assert fused.probe.asked[-1] == ("close",)
    assert ("clear stop", sleeper.pid) in fused.probe.asked
    assert fused.holding.closed


def test_user_resumes_a_stopped_process(tmp_path: Path, sleeper: ProcessKey) -> None:
    slow = Policy("p", Match(), (), Mode.ANY, (SLEEP,), grace_ns=0, fuse=Fuse(GIB, False))
    fused = ScriptedWatch(tmp_path, policies=(slow,), fuses=True)
    command = UserCommand(UserCommandKind.THAW, sleeper)
    fused.start(sleeper)
    fused.at(1.5, lambda: fused.blow(sleeper, 1100))
    fused.at(1.7, lambda: fused.submit(command))
    view = fused.run(duration_ns=2 * NS_PER_SECOND)
    assert kinds(fused) == [FuseEventKind.STOPPED, FuseEventKind.THAWED]
    assert [round(seconds, 1) for seconds in view.times("fuse")] == [1.5, 1.7]
    assert fused.holding.resumed == [sleeper]
    os.kill(sleeper.pid, 0)  # it was not ended


def test_user_command_without_a_fuse_is_ignored(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(policy(),))
    command = UserCommand(UserCommandKind.THAW, GOPLS)
    scripted.at(1.5, lambda: scripted.submit(command))
    view = scripted.run()
    assert view.reason == "the duration has elapsed"
    assert view.all(FuseEvent) == []


def test_user_command_without_policies_is_ignored(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path)
    command = UserCommand(UserCommandKind.THAW, GOPLS)
    scripted.at(1.5, lambda: scripted.submit(command))
    view = scripted.run()
    assert view.reason == "the duration has elapsed"
    assert len(view.all(Snapshot)) == 6


@pytest.mark.parametrize("taken", [True, False])
def test_oom_kill_of_a_target_is_in_the_outcome(
    tmp_path: Path, sleeper: ProcessKey, taken: bool
) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(replace(policy(), ladder=(SLEEP,)),))
    scripted.start(sleeper)
    scripted.at(1.5, lambda: scripted.breach(sleeper, 100))
    scripted.at(1.7, lambda: scripted.oom_kill(sleeper if taken else fake_key(1)))
    view = scripted.run(duration_ns=2 * NS_PER_SECOND)
    (outcome,) = view.all(Outcome)
    sentence = f"gopls {sleeper.pid} was killed by the OOM killer"
    assert (sentence in outcome.sentence) is taken
    assert not outcome.helped


def test_breach_is_handled_before_other_events_are_read(
    tmp_path: Path, sleeper: ProcessKey
) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(policy(),))
    scripted.start(sleeper)
    asked = scripted.probe.asked

    def breach() -> None:
        asked.clear()
        scripted.probe.on_slice = lambda: asked.append(("slice",))
        scripted.breach(sleeper, 70)

    scripted.at(1.5, breach)
    scripted.run()
    assert next(ask[0] for ask in asked if ask[0] in ("slice", "read group")) == "read group"


def test_job_that_fills_a_table_is_in_a_finding_and_nothing_acts_on_it(
    tmp_path: Path, sleeper: ProcessKey
) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(policy(),))
    scripted.start(sleeper)
    full = QuotaReached(0, GROUP, SharedTable.PROCESSES, 7168, 8192, 832)
    scripted.at(1.5, lambda: scripted.probe.emit(full))
    view = scripted.run()
    (finding,) = [one for one in view.all(Finding) if one.detector == "quota:processes"]
    assert finding.subject.job.cgroup_id == GROUP
    assert view.all(StepOutcome) == []


def test_watch_at_the_bound_of_its_memory_takes_on_no_process_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And drops the jobs that ended; those that it watches stay."""
    scripted = ScriptedWatch(tmp_path)
    resident = [(0.0, 30 * MIB), (2.0, 101 * MIB), (4.0, 90 * MIB)]

    def own_cost() -> OwnCost:
        now = scripted.time.seconds
        return OwnCost(0, max((at, size) for at, size in resident if at <= now)[1])

    monkeypatch.setattr(proc, "self_cost", own_cost)
    for number, at in enumerate((0.5, 2.5, 2.6, 4.5)):
        scripted.at(at, partial(scripted.start, fake_key(number)))
    view = scripted.run(duration_ns=6 * NS_PER_SECOND, max_memory_bytes=100 * MIB)
    snapshots = view.all(Snapshot)[:6]
    seen = [{process.key for job in one.jobs for process in job.processes} for one in snapshots]
    assert seen[3] == {fake_key(0)}
    assert seen[5] == {fake_key(0), fake_key(3)}
    assert [one.losses.get("memory", 0) for one in snapshots] == [0, 0, 0, 2, 2, 2]
    assert [ask for ask in scripted.probe.asked if ask[0] == "drop"] == [
        ("drop", fake_key(1).pid), ("drop", fake_key(2).pid),
    ]  # fmt: skip
    (remark,) = (text for text in view.remarks if "--max-memory" in text)
    assert remark.startswith("this watch takes 100 MiB of memory, its bound")
