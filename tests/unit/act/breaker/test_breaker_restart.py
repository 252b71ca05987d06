"""What a breaker knows from the audit log of the one before it."""

from pathlib import Path

import pytest

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.incident.outcome import StepOutcome
from ebpftrace.act.process import undo
from ebpftrace.act.process.undo import Undo
from tests.support import watches
from tests.support.breaker_rig import ONCE, BreakerRig, S, kinds, policy


def test_the_budget_outlasts_a_restart(rig: BreakerRig) -> None:
    once = policy(budget=ONCE, cooldown_ns=S)
    rig.breaker.reload([once])
    rig.see(0, rig.process(400))
    rig.see(6, rig.process(100))
    later = rig.restarted(once)
    assert later.breaker.recovered == ""
    later.see(20, later.process(400))
    assert later.started == []
    later.close()


def test_a_recreated_cgroup_shares_the_budget_of_its_predecessor(rig: BreakerRig) -> None:
    """`docker restart` makes another cgroup, and so another job in the ledger."""
    once = policy(budget=ONCE, cooldown_ns=0)
    rig.breaker.reload([once])
    key = "docker:/docker/1"
    rig.see(0, rig.process(400), restart_key=key)
    rig.see(5, rig.process(400), name="again", restart_key=key)
    assert rig.suppressed() == ["the incident of the job's previous cgroup has not ended"]
    rig.see(6, rig.process(100), restart_key=key)
    events = rig.see(90, rig.process(400), name="again", restart_key=key)
    steps = [event for event in events if isinstance(event, StepOutcome)]
    assert "budget spent" in steps[0].detail
    later = rig.restarted(once)
    later.see(120, later.process(400), name="third", restart_key=key)
    assert later.started == []
    later.see(150, later.process(400), name="fourth", restart_key="docker:/docker/2")
    assert len(later.started) == 1
    later.close()


def test_runs_of_a_cgroup_share_its_budget_whatever_they_are_called(rig: BreakerRig) -> None:
    once = policy(budget=ONCE, cooldown_ns=0)
    rig.breaker.reload([once])
    shared = {"place_account": "systemd:/runner.service"}
    rig.see(0, rig.process(400), name="one", restart_key="one", **shared)
    rig.see(6, rig.process(100), name="one", restart_key="one", **shared)
    later = rig.restarted(once)
    events = later.see(20, later.process(400), name="two", restart_key="two", **shared)
    steps = [event for event in events if isinstance(event, StepOutcome)]
    assert "budget of all runs in the cgroup spent" in steps[0].detail
    later.see(26, later.process(100), name="two", restart_key="two", **shared)
    assert later.started == []
    elsewhere = {"restart_key": "two", "place_account": "systemd:/other.service"}
    later.see(40, later.process(400), name="elsewhere", **elsewhere)
    assert len(later.started) == 1
    later.close()


def test_an_unfinished_incident_is_undone_at_the_next_start(
    rig: BreakerRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path.stat().st_dev
    monkeypatch.setattr(undo, "cgroup_devices", lambda: frozenset([device]))
    file = tmp_path / "memory.high"
    file.write_text("low")
    rig.action.undo = Undo("memory.high", file, file.stat().st_ino, "max")
    rig.see(0, rig.process(400))  # ebpftrace is killed before there is an outcome
    later = rig.restarted()
    assert file.read_text() == "max"
    (abandoned,) = later.logged("abandoned")
    assert abandoned["restored"]
    said = f"in the middle of incident {abandoned['incident']}: what it changed is undone"
    assert said in later.breaker.recovered
    assert kinds(later.see(10, later.process(400))) == ["SuppressedTrigger"]
    assert later.suppressed() == ["the job is in its cool-down"]
    later.close()


def test_an_undo_of_a_file_that_is_no_cgroups_is_not_run(
    rig: BreakerRig, tmp_path: Path
) -> None:
    file = tmp_path / "memory.high"
    file.write_text("low")
    rig.action.undo = Undo("memory.high", file, file.stat().st_ino, "max")
    rig.see(0, rig.process(400))
    later = rig.restarted()
    assert file.read_text() == "low"
    (abandoned,) = later.logged("abandoned")
    assert "no file of a cgroup" in abandoned["detail"]
    later.close()


def test_what_cannot_be_undone_at_the_next_start_is_logged(
    rig: BreakerRig, tmp_path: Path
) -> None:
    rig.action.undo = Undo("memory.high", tmp_path, 1, "max")  # a folder
    rig.see(0, rig.process(400))
    later = rig.restarted()
    (abandoned,) = later.logged("abandoned")
    assert not abandoned["restored"]
    assert str(tmp_path) in abandoned["detail"]
    assert f"not all is undone: {abandoned['detail']}" in later.breaker.recovered
    later.close()


def test_a_kill_by_a_fuse_spends_the_budget_and_is_logged(rig: BreakerRig) -> None:
    once = policy(budget=ONCE)
    event = watches.fuse_event(FuseEventKind.KILLED)
    assert rig.breaker.budget_refusal(event.job, once) == ""
    rig.breaker.log_fuse_kill(event)
    assert "budget spent" in rig.breaker.budget_refusal(event.job, once)
    (line,) = rig.logged("fuse")
    assert (line["event"], line["account"]) == ("killed", event.job.account)
    later = rig.restarted(once)
    assert "budget spent" in later.breaker.budget_refusal(event.job, once)
    later.close()
