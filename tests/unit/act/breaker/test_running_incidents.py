"""Several incidents side by side. (One incident's life: test_breaker.py.)"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.in_vain import InVain
from ebpftrace.act.breaker.running_incidents import RunningIncidents
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import Outcome, StepStatus
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.host.ready import is_readable
from ebpftrace.judge.finding import Finding
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches
from tests.support.incidents import incident
from tests.support.scripted_action import ScriptedAction

S = NS_PER_SECOND
POLICY = Policy("p", Match(), (), Mode.ANY, (Step("capture", 5 * S, None),))


@dataclass
class IncidentsRig:
    """The incidents of one breaker; every action waits for the same pipe."""

    fds: tuple[int, ...]
    now_ns: int = 0
    records: list[Record] = field(default_factory=list)
    actions: list[ScriptedAction] = field(default_factory=list)
    spending: Spending = field(default_factory=Spending)

    def __post_init__(self) -> None:
        self.incidents = RunningIncidents(
            {"capture": replace(ACTIONS["capture"], start=self.begin)},
            self.spending,
            in_vain=InVain(),
            record=self.records.append,
            record_with_next=self.records.append,
            moment=self.moment,
            clock=lambda: self.now_ns,
        )

    def moment(self) -> Moment:
        return Moment(self.now_ns, self.now_ns, "boot")

    def begin(self, _incident: Incident, _options: Any) -> Running:
        self.actions.append(ScriptedAction(fds=self.fds))
        return self.actions[-1]

    def start(
        self, job: str, *, announce: bool = False, cools_down: bool = True, place: str = ""
    ) -> list[Any]:
        identity = watches.identity(job)._replace(place_account=place)
        about = incident(job=identity, began_ns=self.now_ns)
        return self.incidents.start(about, POLICY, announce=announce, cools_down=cools_down)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


@pytest.fixture
def rig(pipe: tuple[int, int]) -> Iterator[IncidentsRig]:
    made = IncidentsRig(pipe[:1])
    yield made
    if not made.incidents.closed:
        made.incidents.close("the test ended")


def key(job: str) -> str:
    return watches.identity(job).key


def test_it_is_readable_when_an_action_has_news(
    rig: IncidentsRig, pipe: tuple[int, int]
) -> None:
    rig.start("one")
    assert not is_readable(rig.incidents.fd)
    os.write(pipe[1], b"x")
    assert is_readable(rig.incidents.fd)
    rig.actions[0].ended = Ended(StepStatus.DONE, "")
    rig.incidents.poll()
    assert not is_readable(rig.incidents.fd)


def test_the_earliest_deadline_counts(rig: IncidentsRig) -> None:
    rig.start("one")
    rig.now_ns = S
    rig.start("two")
    assert rig.incidents.deadline_ns == 5 * S
    rig.actions[1].due_ns = 3 * S
    assert rig.incidents.deadline_ns == 3 * S


def test_each_job_has_its_incident(rig: IncidentsRig) -> None:
    rig.start("one")
    rig.start("two")
    assert key("one") in rig.incidents
    assert key("three") not in rig.incidents
    assert {it.job.name for it in rig.incidents} == {"one", "two"}
    assert rig.incidents.get(key("three")) is None


def test_the_end_of_one_incident_leaves_the_others_running(rig: IncidentsRig) -> None:
    rig.start("one")
    rig.start("two")
    rig.actions[0].ended = Ended(StepStatus.DONE, "")
    events = rig.incidents.poll()
    assert any(isinstance(event, Outcome) for event in events)
    assert key("one") not in rig.incidents
    assert key("two") in rig.incidents


def test_only_an_announced_finding_begins_and_ends(rig: IncidentsRig) -> None:
    rig.start("one")
    announced = rig.start("two", announce=True)
    assert [type(event) for event in announced] == [Finding]
    for job, findings in (("one", 0), ("two", 1)):
        events = rig.incidents.abandon(key(job), "by hand")
        assert sum(isinstance(event, Finding) for event in events) == findings


def test_every_end_starts_a_cool_down(rig: IncidentsRig) -> None:
    rig.start("one")
    account = watches.identity("one").account
    rig.incidents.abandon(key("one"), "by hand")
    assert rig.spending.cooldown_left_ns(account, S, rig.moment()) == S


def test_cool_down_is_of_all_runs_in_the_cgroup(rig: IncidentsRig) -> None:
    rig.start("one", place="/ci")
    rig.incidents.abandon(key("one"), "by hand")
    assert rig.spending.cooldown_left_ns("/ci", S, rig.moment()) == S


def test_closing_abandons_all_of_them(rig: IncidentsRig) -> None:
    rig.start("one")
    rig.start("two")
    outcomes = [it for it in rig.incidents.close("the watch ended") if isinstance(it, Outcome)]
    assert [outcome.job.name for outcome in outcomes] == ["one", "two"]
    assert rig.incidents.closed


@pytest.mark.parametrize("cools_down", [True, False])
def test_only_an_incident_that_acts_starts_a_cool_down(
    rig: IncidentsRig, cools_down: bool
) -> None:
    rig.start("one", cools_down=cools_down)
    rig.incidents.abandon(key("one"), "the test ends it")
    account = watches.identity("one").account
    assert bool(rig.spending.cooldown_left_ns(account, S, rig.moment())) is cools_down
