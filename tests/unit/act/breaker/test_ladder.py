"""The ladder by itself: its actions come from outside, so here they are played."""

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.breaker.ladder import Ladder
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.act.process.identity import Target
from ebpftrace.act.process.undo import Undo
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import condition
from tests.support.incidents import incident

S = NS_PER_SECOND
DONE = Ended(StepStatus.DONE, "done so")
OLD = ProcessKey(4711, 100)


@dataclass
class Played:
    """An action that ends as it is told to; None: never."""

    ended: Ended | None
    undo: Undo | None = None
    fds: tuple[int, ...] = ()
    due_ns: int | None = None
    stopped: int = 0
    about: Incident | None = None
    refuses: Exception | None = None

    def poll(self, now_ns: int) -> Ended | None:
        return self.ended

    def started(self) -> bool:
        return self.about is not None

    def stop(self) -> str:
        self.stopped += 1
        return ""


@dataclass
class Stage:
    """A ladder of these rungs, its clock, and what it recorded."""

    rungs: tuple[tuple[str, Played], ...]
    dry_run: bool = False
    budget: Budget = field(default_factory=Budget)
    now_ns: int = 0
    spending: Spending = field(default_factory=Spending)
    records: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        about = incident(
            Target(OLD, "/ci/build-42", (0, 0)), job=watches.identity(), began_ns=0, time_ns=0,
            held_bytes=500 * MIB, job_held_bytes=500 * MIB,
        )  # fmt: skip
        policy = Policy(
            "p", Match(), (condition("builtin"),), Mode.ANY,
            tuple(Step(name, 5 * S, played) for name, played in self.rungs),
            dry_run=self.dry_run,
        )  # fmt: skip
        actions = {name: replace(ACTIONS[name], start=self.start) for name, _ in self.rungs}
        self.ladder = Ladder(
            about, policy, actions,
            allowance=Allowance(self.spending, about.job.account, self.budget, self.moment),
            record=self.records.append,
            clock=lambda: self.now_ns,
        )  # fmt: skip

    def start(self, about: Incident, played: Played) -> Running:
        if played.refuses is not None:
            raise played.refuses
        played.about = about
        return played

    def moment(self) -> Moment:
        return Moment(self.now_ns, self.now_ns, "boot")

    @property
    def spent(self) -> int:
        """How many ends are booked."""
        job, now = watches.identity().account, self.moment()
        return next(n for n in count() if not self.spending.refusal(job, Budget(n + 1), now))

    def poll(self, seconds: float) -> list[StepOutcome | Outcome]:
        self.now_ns = round(seconds * S)
        return [word for word in self.ladder.poll() if isinstance(word, StepOutcome | Outcome)]

    def see(self, seconds: float, mib: int | None) -> list[StepOutcome | Outcome]:
        """A snapshot in which the target holds so much; None: it is gone."""
        self.now_ns = round(seconds * S)
        self.ladder.observe(snapshot(self.now_ns, mib))
        return self.poll(seconds)


def snapshot(now_ns: int, mib: int | None) -> Snapshot:

    there = () if mib is None else (replace(watches.process(resident=mib * MIB), key=OLD),)
    return replace(watches.snapshot(watches.job(processes=there)), monotonic_ns=now_ns)


def told(words: list[StepOutcome | Outcome]) -> list[str]:
    return [
        f"{word.action} {word.status.value}" if isinstance(word, StepOutcome)
        else f"helped {word.helped}"
        for word in words
    ]  # fmt: skip


def test_one_rung_at_a_time_and_then_did_it_help() -> None:
    capture, signal = Played(None), Played(None)
    stage = Stage((("capture", capture), ("signal", signal)))
    assert stage.poll(0) == []
    assert not signal.started()  # not before the evidence is saved
    capture.ended = Ended(StepStatus.DONE, "saved", evidence=Path("/evidence"))
    assert told(stage.poll(1)) == ["capture done"]
    assert signal.started()
    assert signal.about and signal.about.evidence == Path("/evidence")
    signal.ended = DONE
    assert told(stage.poll(2)) == ["signal done"]
    assert stage.see(3, None) == []
    (outcome,) = stage.see(20, None)
    assert isinstance(outcome, Outcome)
    assert outcome.helped
    assert outcome.freed_bytes == 500 * MIB
    assert outcome.took_ns == 20 * S
    assert outcome.evidence == "/evidence"
    assert stage.ladder.over
    assert (capture.stopped, signal.stopped) == (1, 1)
    assert stage.spent == 1


def test_what_did_not_help_is_followed_by_the_next_rung() -> None:
    stage = Stage((("reclaim", Played(DONE)), ("signal", Played(DONE))))
    assert told(stage.poll(0)) == ["reclaim done"]
    assert stage.see(1, 500) == []
    assert told(stage.see(7, 500)) == ["signal done"]
    stage.see(8, None)
    assert told(stage.see(30, None)) == ["helped True"]


def test_what_helped_spares_the_rest_but_tells_it() -> None:
    signal, notify = Played(DONE), Played(DONE)
    stage = Stage((("reclaim", Played(DONE)), ("signal", signal), ("notify", notify)))
    stage.poll(0)
    assert told(stage.see(1, 100)) == ["notify done", "helped True"]
    assert not signal.started()
    assert stage.spent == 0


def test_what_was_left_behind_is_cleaned_once_it_is_known_what_became_of_it() -> None:
    """Wherever it stands in the ladder: before the end of the process there is nothing."""
    clean = Played(DONE)
    stage = Stage((("clean", clean), ("signal", Played(DONE)), ("exec", Played(DONE))))
    assert told(stage.poll(0)) == ["signal done"]
    assert stage.see(1, None) == []
    assert not clean.started()
    words = stage.see(15, None)
    assert told(words) == ["clean done", "helped True"]
    assert isinstance(words[-1], Outcome)
    assert words[-1].freed_bytes == 500 * MIB


def test_cleaning_may_be_what_helps() -> None:
    """Files of a tmpfs are memory: it is asked again, once."""
    stage = Stage((("signal", Played(DONE)), ("clean", Played(DONE))))
    stage.poll(0)
    stage.see(1, 500)
    assert told(stage.see(10, 500)) == ["clean done"]
    assert told(stage.see(11, 100)) == ["helped True"]


def test_where_nothing_was_done_the_reason_is_not_that_nothing_is_cleaned() -> None:
    clean = Played(Ended(StepStatus.SKIPPED, "gopls 4711 still runs"))
    stage = Stage((("signal", Played(DONE)), ("clean", clean)), budget=Budget(restarts=0))
    words = stage.poll(0)
    assert told(words) == ["signal skipped", "clean skipped", "helped False"]
    assert words[-1].sentence.endswith("the budget allows no restart")  # type: ignore[union-attr]
    assert stage.spent == 0


def test_at_its_end_it_gives_up_loudly() -> None:
    stage = Stage((("signal", Played(DONE)),))
    stage.poll(0)
    stage.see(1, 500)
    (outcome,) = stage.see(10, 500)
    assert isinstance(outcome, Outcome)
    assert not outcome.helped
    assert outcome.freed_bytes == 0
    assert outcome.sentence.startswith("GIVEN UP")


def test_one_that_hangs_is_stopped_at_its_timeout() -> None:
    hanging = Played(None)
    stage = Stage((("exec", hanging), ("signal", Played(DONE))))
    assert stage.poll(0) == []
    assert stage.ladder.deadline_ns == 5 * S
    assert stage.poll(4.9) == []
    assert told(stage.poll(5)) == ["exec timed_out", "signal done"]
    assert hanging.stopped == 1


def test_who_is_only_told_holds_nobody_up() -> None:
    """A server that does not answer: the process is ended meanwhile."""
    notify, signal = Played(None, fds=(7,)), Played(None, fds=(8,))
    stage = Stage((("notify", notify), ("signal", signal)))
    assert stage.poll(0) == []
    assert signal.started()
    assert (stage.ladder.fds, stage.ladder.deadline_ns) == ((7, 8), 5 * S)
    signal.ended = DONE
    assert told(stage.poll(1)) == ["signal done"]
    assert stage.see(2, None) == []
    assert told(stage.poll(5)) == ["notify timed_out"]
    assert told(stage.see(20, None)) == ["helped True"]
    assert (notify.stopped, signal.stopped) == (1, 1)


def test_it_is_not_over_before_all_are_told() -> None:
    notify = Played(None)
    stage = Stage((("signal", Played(DONE)), ("notify", notify)))
    assert told(stage.poll(0)) == ["signal done"]
    stage.see(1, None)
    assert stage.see(15, None) == []  # it helped, and that is being told
    assert notify.started()
    notify.ended = DONE
    assert told(stage.poll(16)) == ["notify done", "helped True"]


def test_abandoned_it_stops_those_beside_too() -> None:
    notify, signal = Played(None), Played(None)
    stage = Stage((("notify", notify), ("signal", signal)))
    stage.poll(0)
    words = [word for word in stage.ladder.abandon("the watch ended")
             if isinstance(word, StepOutcome | Outcome)]  # fmt: skip
    assert told(words) == ["notify failed", "signal failed", "helped False"]
    assert (notify.stopped, signal.stopped) == (1, 1)


def test_one_that_fails_is_followed_by_the_next_at_once() -> None:
    stage = Stage((("exec", Played(Ended(StepStatus.FAILED, "no"))), ("signal", Played(DONE))))
    assert told(stage.poll(0)) == ["exec failed", "signal done"]
    assert stage.spent == 1  # both are one end of the process


def test_a_spent_budget_skips_what_ends_a_process_and_nothing_else() -> None:
    signal = Played(DONE)
    stage = Stage((("capture", Played(DONE)), ("signal", signal)), budget=Budget(restarts=0))
    words = stage.poll(0)
    assert told(words) == ["capture done", "signal skipped", "helped False"]
    assert not signal.started()
    assert "the budget allows no restart" in words[-1].sentence  # type: ignore[union-attr]
    assert stage.spent == 0


def test_a_guard_that_refuses_gives_the_budget_back() -> None:
    refused = Played(Ended(StepStatus.SKIPPED, "not signalled: 4711 has ended"))
    stage = Stage((("signal", refused),))
    assert told(stage.poll(0)) == ["signal skipped", "helped False"]
    assert stage.spent == 0
    step = next(record for record in stage.records if record["type"] == "step")
    assert step["refunded"]


def test_a_hook_that_ran_before_the_refusal_stays_on_the_budget() -> None:
    refused = Played(Ended(StepStatus.SKIPPED, "4711 has ended"))
    stage = Stage((("exec", Played(Ended(StepStatus.FAILED, "exit 1"))), ("signal", refused)))
    stage.poll(0)
    assert stage.spent == 1


def test_a_dry_run_starts_nothing() -> None:
    played = Played(DONE)
    stage = Stage((("capture", played), ("signal", played)), dry_run=True)
    assert told(stage.poll(0)) == ["capture skipped", "signal skipped", "helped False"]
    assert not played.started()
    assert stage.spent == 0


def test_what_was_changed_is_put_back_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("7")
    undo = Undo("memory.high", file, file.stat().st_ino, "9")
    stage = Stage((("throttle", Played(DONE, undo)), ("signal", Played(DONE))))
    stage.poll(0)
    assert file.read_text() == "7"
    stage.see(1, None)
    stage.see(30, None)
    assert file.read_text() == "9"


def test_what_is_frozen_is_thawed_before_a_process_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "freezer.state"
    file.write_text("1")
    undo = Undo("thawed", file, file.stat().st_ino, "0", early=True)
    stage = Stage((("freeze", Played(DONE, undo)), ("signal", Played(None))))
    assert told(stage.poll(0)) == ["freeze done"]
    assert file.read_text() == "0"


def test_abandoned_it_stops_and_puts_back(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("7")
    hanging = Played(None, Undo("memory.high", file, file.stat().st_ino, "9"))
    stage = Stage((("throttle", hanging), ("signal", Played(DONE))))
    stage.poll(0)
    words = [w for w in stage.ladder.abandon("the watch ended")
             if isinstance(w, StepOutcome | Outcome)]  # fmt: skip
    assert told(words) == ["throttle failed", "helped False"]
    assert hanging.stopped == 1
    assert file.read_text() == "9"
    assert list(stage.ladder.abandon("again")) == []


def test_every_step_is_logged_before_it_starts() -> None:
    stage = Stage((("exec", Played(None)),))
    stage.poll(0)
    (record,) = stage.records
    assert (record["type"], record["action"]) == ("step_started", "exec")
    assert record["spends_budget"]


def test_one_that_cannot_even_be_started_is_a_failure_and_no_end() -> None:
    """On a node that burns there may be no descriptor, no thread and no memory left."""
    errors = (
        OSError(24, "Too many open files"),
        RuntimeError("can't start new thread"),
        ValueError("embedded null byte"),
    )
    for error in errors:
        first = Played(DONE, refuses=error)
        stage = Stage((("capture", first), ("signal", Played(DONE))))
        words = stage.poll(0)
        assert told(words) == ["capture failed", "signal done"]
        assert str(error) in words[0].detail  # type: ignore[union-attr]
