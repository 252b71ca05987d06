"""What a fuse adds to a ladder."""

from dataclasses import replace

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.signal import SignalOptions
from ebpftrace.act.fuse.ladder import RESUME, actions_with, with_end
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
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
    assert ended is not None
    assert ended.status is StepStatus.DONE
    assert resumed == [about.target.key]


def test_a_policy_cannot_name_the_resume() -> None:
    assert RESUME not in ACTIONS
