"""What a fuse adds to a ladder."""

from dataclasses import replace

from ebpftrace.act.actions import STARTS
from ebpftrace.act.actions.signal import SignalOptions
from ebpftrace.act.fuse.ladder import LET_GO, starts_with, with_end
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.fuse import Fuse, FuseEnd
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.events import ProcessKey
from tests.support.incidents import incident

POLICY = Policy("p", Match(), (), Mode.ANY, (Step("capture", 1, None),), fuse=Fuse(0.9, True))


def test_it_ends_in_a_kill() -> None:
    first, last = with_end(POLICY).ladder
    assert first.action == "capture"
    assert last.action == "signal"
    assert last.options == SignalOptions(send=("KILL",))


def test_or_it_goes_on() -> None:
    thaws = replace(POLICY, fuse=Fuse(0.9, True, then=FuseEnd.THAW))
    step = with_end(thaws).ladder[-1]
    assert step.action == LET_GO
    woken: list[ProcessKey] = []
    about = incident()
    ended = starts_with(woken.append)[LET_GO](about, None).poll(0)
    assert ended is not None
    assert ended.status is StepStatus.DONE
    assert woken == [about.target.key]


def test_a_policy_cannot_name_it() -> None:
    assert LET_GO not in STARTS
