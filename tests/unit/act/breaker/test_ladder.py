"""The order of a ladder's steps, with fake actions and a fake clock."""

from pathlib import Path

from ebpftrace.act.actions.support.running import Ended, Read
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.act.policy.policy import Budget
from ebpftrace.act.process.undo import Undo
from ebpftrace.units import MIB
from tests.support.ladder_rig import OLD, LadderRig, S, summary
from tests.support.scripted_action import ScriptedAction

DONE = Ended(StepStatus.DONE, "done so")


def test_steps_run_one_at_a_time_and_then_recovery_is_checked() -> None:
    capture, signal = ScriptedAction(None), ScriptedAction(None)
    rig = LadderRig((("capture", capture), ("signal", signal)))
    assert rig.poll(0) == []
    assert not signal.started()  # not before the evidence is saved
    capture.ended = Ended(StepStatus.DONE, "saved", evidence=Path("/evidence"))
    assert summary(rig.poll(1)) == ["capture done"]
    assert signal.started()
    assert signal.about and signal.about.evidence == Path("/evidence")
    signal.ended = DONE
    assert summary(rig.poll(2)) == ["signal done"]
    assert rig.see(3, None) == []
    (outcome,) = rig.see(20, None)
    assert isinstance(outcome, Outcome)
    assert outcome.helped
    assert outcome.freed_bytes == 500 * MIB
    assert outcome.took_ns == 20 * S
    assert outcome.evidence == "/evidence"
    assert rig.ladder.over
    assert (capture.stopped, signal.stopped) == (1, 1)
    assert rig.spent == 1


def test_a_step_that_did_not_help_is_followed_by_the_next() -> None:
    rig = LadderRig((("reclaim", ScriptedAction(DONE)), ("signal", ScriptedAction(DONE))))
    assert summary(rig.poll(0)) == ["reclaim done"]
    assert rig.see(1, 500) == []
    assert summary(rig.see(7, 500)) == ["signal done"]
    rig.see(8, None)
    assert summary(rig.see(30, None)) == ["helped True"]


def test_after_a_step_that_helped_only_notify_still_runs() -> None:
    signal, notify = ScriptedAction(DONE), ScriptedAction(DONE)
    rig = LadderRig((("reclaim", ScriptedAction(DONE)), ("signal", signal), ("notify", notify)))
    rig.poll(0)
    assert summary(rig.see(1, 100)) == ["notify done", "helped True"]
    assert not signal.started()
    assert rig.spent == 0


def test_clean_runs_after_the_outcome_is_known_wherever_it_is_in_the_ladder() -> None:
    clean = ScriptedAction(DONE)
    rig = LadderRig(
        (("clean", clean), ("signal", ScriptedAction(DONE)), ("exec", ScriptedAction(DONE)))
    )
    assert summary(rig.poll(0)) == ["signal done"]
    assert rig.see(1, None) == []
    assert not clean.started()
    events = rig.see(15, None)
    assert summary(events) == ["clean done", "helped True"]
    assert isinstance(events[-1], Outcome)
    assert events[-1].freed_bytes == 500 * MIB


def test_clean_is_checked_for_recovery_if_nothing_helped_before() -> None:
    """Files of a tmpfs are memory."""
    rig = LadderRig((("signal", ScriptedAction(DONE)), ("clean", ScriptedAction(DONE))))
    rig.poll(0)
    rig.see(1, 500)
    assert summary(rig.see(10, 500)) == ["clean done"]
    assert summary(rig.see(11, 100)) == ["helped True"]


def test_the_reason_of_a_skipped_signal_outlasts_that_of_clean() -> None:
    clean = ScriptedAction(Ended(StepStatus.SKIPPED, "gopls 4711 still runs"))
    rig = LadderRig(
        (("signal", ScriptedAction(DONE)), ("clean", clean)), budget=Budget(restarts=0)
    )
    events = rig.poll(0)
    assert summary(events) == ["signal skipped", "clean skipped", "helped False"]
    assert events[-1].sentence.endswith("the budget allows no restart")  # type: ignore[union-attr]
    assert rig.spent == 0


def test_a_ladder_at_its_end_gives_up() -> None:
    rig = LadderRig((("signal", ScriptedAction(DONE)),))
    rig.poll(0)
    rig.see(1, 500)
    (outcome,) = rig.see(10, 500)
    assert isinstance(outcome, Outcome)
    assert not outcome.helped
    assert outcome.freed_bytes == 0
    assert outcome.sentence.startswith("GIVEN UP")


def test_a_hanging_step_is_stopped_at_its_timeout() -> None:
    hanging = ScriptedAction(None)
    rig = LadderRig((("exec", hanging), ("signal", ScriptedAction(DONE))))
    assert rig.poll(0) == []
    assert rig.ladder.deadline_ns == 5 * S
    assert rig.poll(4.9) == []
    assert summary(rig.poll(5)) == ["exec timed_out", "signal done"]
    assert hanging.stopped == 1


def test_the_next_step_does_not_wait_for_notify() -> None:
    """Its server does not answer; the process is ended meanwhile."""
    notify, signal = ScriptedAction(None, fds=(7,)), ScriptedAction(None, fds=(8,))
    rig = LadderRig((("notify", notify), ("signal", signal)))
    assert rig.poll(0) == []
    assert signal.started()
    assert (rig.ladder.fds, rig.ladder.deadline_ns) == ((7, 8), 5 * S)
    signal.ended = DONE
    assert summary(rig.poll(1)) == ["signal done"]
    assert rig.see(2, None) == []
    assert summary(rig.poll(5)) == ["notify timed_out"]
    assert summary(rig.see(20, None)) == ["helped True"]
    assert (notify.stopped, signal.stopped) == (1, 1)


def test_the_incident_ends_only_after_notify_has() -> None:
    notify = ScriptedAction(None)
    rig = LadderRig((("signal", ScriptedAction(DONE)), ("notify", notify)))
    assert summary(rig.poll(0)) == ["signal done"]
    rig.see(1, None)
    assert rig.see(15, None) == []  # it helped; notify runs
    assert notify.started()
    notify.ended = DONE
    assert summary(rig.poll(16)) == ["notify done", "helped True"]


SAVED = Path("/saved")


def test_hook_runs_beside_the_writing_of_evidence_and_no_target_ends_before_it() -> None:
    capture = ScriptedAction(read=Read(SAVED))
    hook = ScriptedAction(Ended(StepStatus.FAILED, "exit code 1"))
    end = ScriptedAction(DONE)
    rig = LadderRig((("capture", capture), ("exec", hook), ("signal", end)))
    assert summary(rig.poll(0)) == ["exec failed"]
    assert hook.about is not None
    assert hook.about.evidence == SAVED
    assert not end.started()
    capture.ended = Ended(StepStatus.DONE, "saved", evidence=SAVED)
    assert summary(rig.poll(1)) == ["capture done", "signal done"]


def test_target_is_ended_though_its_evidence_cannot_be_synced() -> None:
    capture, end = ScriptedAction(read=Read(SAVED)), ScriptedAction(DONE)
    rig = LadderRig((("capture", capture), ("signal", end)))
    assert rig.poll(0) == []
    assert not end.started()
    assert summary(rig.poll(5)) == ["capture timed_out", "signal done"]
    assert capture.stopped == 1


def test_evidence_that_could_not_be_written_is_none() -> None:
    for earlier in (None, Path("/earlier")):
        first = ScriptedAction(Ended(StepStatus.DONE, "saved", evidence=earlier))
        capture, end = ScriptedAction(read=Read(SAVED)), ScriptedAction(DONE)
        rig = LadderRig((("capture", first), ("capture", capture), ("signal", end)))
        assert summary(rig.poll(0)) == ["capture done"]
        assert rig.ladder.incident.evidence == SAVED
        capture.ended = Ended(StepStatus.FAILED, "No space left on device")
        assert summary(rig.poll(1)) == ["capture failed", "signal done"]
        assert end.about is not None
        assert end.about.evidence == earlier


def test_user_does_not_wait_for_the_sync_of_evidence() -> None:
    capture, hook = ScriptedAction(read=Read(SAVED)), ScriptedAction(None)
    rig = LadderRig((("capture", capture), ("exec", hook)))
    assert rig.poll(0) == []
    stopped = [
        it for it in rig.ladder.kill_now("killed by hand") if isinstance(it, StepOutcome)
    ]
    assert summary(stopped) == ["capture skipped", "exec skipped"]


def test_abandoning_stops_concurrent_steps_too() -> None:
    notify, signal = ScriptedAction(None), ScriptedAction(None)
    rig = LadderRig((("notify", notify), ("signal", signal)))
    rig.poll(0)
    events = [event for event in rig.ladder.abandon("the watch ended")
             if isinstance(event, StepOutcome | Outcome)]  # fmt: skip
    assert summary(events) == ["notify failed", "signal failed", "helped False"]
    assert (notify.stopped, signal.stopped) == (1, 1)


def test_a_failed_step_is_followed_by_the_next_at_once() -> None:
    rig = LadderRig(
        (
            ("exec", ScriptedAction(Ended(StepStatus.FAILED, "no"))),
            ("signal", ScriptedAction(DONE)),
        )
    )
    assert summary(rig.poll(0)) == ["exec failed", "signal done"]
    assert rig.spent == 1  # both end the same process


def test_a_spent_budget_skips_only_steps_that_end_a_process() -> None:
    signal = ScriptedAction(DONE)
    rig = LadderRig(
        (("capture", ScriptedAction(DONE)), ("signal", signal)), budget=Budget(restarts=0)
    )
    events = rig.poll(0)
    assert summary(events) == ["capture done", "signal skipped", "helped False"]
    assert not signal.started()
    assert "the budget allows no restart" in events[-1].sentence  # type: ignore[union-attr]
    assert rig.spent == 0


def test_a_step_that_refuses_is_refunded() -> None:
    refused = ScriptedAction(Ended(StepStatus.SKIPPED, "not signalled: 4711 has ended"))
    rig = LadderRig((("signal", refused),))
    assert summary(rig.poll(0)) == ["signal skipped", "helped False"]
    assert rig.spent == 0
    step = next(record for record in rig.records if record["type"] == "step")
    assert step["refunded"]


def test_a_hook_that_ran_before_the_refusal_is_not_refunded() -> None:
    refused = ScriptedAction(Ended(StepStatus.SKIPPED, "4711 has ended"))
    rig = LadderRig(
        (("exec", ScriptedAction(Ended(StepStatus.FAILED, "exit 1"))), ("signal", refused))
    )
    rig.poll(0)
    assert rig.spent == 1


def test_a_dry_run_starts_no_action() -> None:
    action = ScriptedAction(DONE)
    rig = LadderRig((("capture", action), ("signal", action)), dry_run=True)
    assert summary(rig.poll(0)) == ["capture skipped", "signal skipped", "helped False"]
    assert not action.started()
    assert rig.spent == 0


def test_temporary_changes_are_undone_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("7")
    undo = Undo("memory.high", file, file.stat().st_ino, "9")
    rig = LadderRig(
        (("throttle", ScriptedAction(DONE, undo)), ("signal", ScriptedAction(DONE)))
    )
    rig.poll(0)
    assert file.read_text() == "7"
    rig.see(1, None)
    rig.see(30, None)
    assert file.read_text() == "9"


def test_a_frozen_process_is_thawed_before_it_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "freezer.state"
    file.write_text("1")
    undo = Undo("thawed", file, file.stat().st_ino, "0", before_kill=True)
    rig = LadderRig((("freeze", ScriptedAction(DONE, undo)), ("signal", ScriptedAction(None))))
    assert summary(rig.poll(0)) == ["freeze done"]
    assert file.read_text() == "0"


def test_abandoning_stops_the_step_and_undoes_its_changes(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("7")
    hanging = ScriptedAction(None, Undo("memory.high", file, file.stat().st_ino, "9"))
    rig = LadderRig((("throttle", hanging), ("signal", ScriptedAction(DONE))))
    rig.poll(0)
    events = [w for w in rig.ladder.abandon("the watch ended")
             if isinstance(w, StepOutcome | Outcome)]  # fmt: skip
    assert summary(events) == ["throttle failed", "helped False"]
    assert hanging.stopped == 1
    assert file.read_text() == "9"
    assert list(rig.ladder.abandon("again")) == []


def test_end_before_a_verdict_does_not_say_that_nothing_helped() -> None:
    rig = LadderRig((("signal", ScriptedAction(DONE)),))
    assert summary(rig.poll(0)) == ["signal done"]
    (outcome,) = rig.ladder.abandon("the watch ended")
    assert isinstance(outcome, Outcome)
    assert outcome.sentence == (
        "gopls 4711: the watch ended before it was known whether that helped"
    )


def test_every_step_is_logged_before_it_starts() -> None:
    rig = LadderRig((("exec", ScriptedAction(None)),))
    rig.poll(0)
    (record,) = rig.records
    assert (record["type"], record["action"]) == ("step_started", "exec")
    assert record["spends_budget"]


def test_a_step_that_cannot_start_fails_and_the_next_follows() -> None:
    """An exhausted node may have no descriptor, thread or memory left."""
    errors = (
        OSError(24, "Too many open files"),
        RuntimeError("can't start new thread"),
        ValueError("embedded null byte"),
    )
    for error in errors:
        first = ScriptedAction(DONE, refuses=error)
        rig = LadderRig((("capture", first), ("signal", ScriptedAction(DONE))))
        events = rig.poll(0)
        assert summary(events) == ["capture failed", "signal done"]
        assert str(error) in events[0].detail  # type: ignore[union-attr]


def test_a_target_that_the_oom_killer_killed_was_not_helped() -> None:
    signal = ScriptedAction(None)
    rig = LadderRig((("signal", signal),))
    rig.poll(0)
    rig.ladder.target_ends.oom_killed(OLD)
    signal.ended = Ended(StepStatus.DONE, "gopls 4711 ended by TERM after 2.4s", signal="TERM")
    assert summary(rig.poll(2.4)) == ["signal failed"]
    (outcome,) = rig.see(20, None) or rig.see(40, None)
    assert isinstance(outcome, Outcome)
    assert not outcome.helped
    assert outcome.sentence == (
        "GIVEN UP: nothing helped against gopls 4711: gopls 4711 was killed by the OOM killer "
        "while it had TERM"
    )


def test_what_ends_a_target_after_its_outcome_is_still_known() -> None:
    """The report of the kernel came after the end of the step."""
    ended = Ended(StepStatus.DONE, "gopls 4711 ended by TERM after 2.4s", signal="TERM")
    rig = LadderRig((("signal", ScriptedAction(ended)),))
    assert summary(rig.poll(0)) == ["signal done"]
    rig.ladder.target_ends.oom_killed(OLD)
    rig.see(1, None)
    assert summary(rig.see(20, None)) == ["helped False"]
