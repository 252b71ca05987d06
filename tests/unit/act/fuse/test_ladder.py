"""What a fuse adds to a ladder."""

from dataclasses import replace

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.signal import SignalOptions
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.fuse.ladder import RESUME, actions_with, at_stop, with_end
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.fuse import Fuse, FuseEnd, backstop
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.events import ProcessKey
from tests.support.incidents import incident

POLICY = Policy("p", Match(), (), Mode.ANY, (Step("capture", 1, None),), fuse=Fuse(0.9, True))


def test_ladder_ends_with_a_kill() -> None:
    first, last = with_end(POLICY).ladder
    assert first.action == "capture"
    assert last.action == "signal"
    assert last.options == SignalOptions(send=("KILL",))


def test_ladder_ends_with_a_resume_where_the_fuse_thaws() -> None:
    thaws = replace(POLICY, fuse=Fuse(0.9, True, then=FuseEnd.THAW))
    step = with_end(thaws).ladder[-1]
    assert step.action == RESUME
    resumed: list[ProcessKey] = []
    about = incident()
    ended = actions_with(resumed.append)[RESUME].start(about, step.options).poll(0)
    assert isinstance(ended, Ended)
    assert ended.status is StepStatus.DONE
    assert resumed == [about.target.key]


@pytest.mark.parametrize(
    ("used", "actions"),
    [
        (0.95, ["capture", "notify"]),  # there is room for another stop
        (0.96, ["capture", "notify"]),
        (0.97, ["capture", "notify", "signal"]),
        (None, ["capture", "notify", "signal"]),
    ],
)
def test_a_backstop_first_saves_the_evidence(used: float | None, actions: list[str]) -> None:
    ladder = tuple(Step(action, 1, None) for action in ("capture", "notify", "signal"))
    policy = replace(POLICY, ladder=ladder, fuse=backstop())
    stopped = at_stop(policy, used)
    assert [step.action for step in stopped.ladder] == actions
    assert with_end(stopped).ladder[-1].action == RESUME


def test_a_fuse_of_the_user_runs_its_ladder_at_once() -> None:
    assert at_stop(POLICY, 0.9) is POLICY


def test_a_policy_cannot_name_the_resume() -> None:
    assert RESUME not in ACTIONS
