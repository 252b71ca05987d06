"""Who is taken on, and why others are left alone. The process is a real one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.breaker.admission import Admission
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import ProcessSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import level
from tests.support.incidents import key_of, sleeping

S = NS_PER_SECOND
POLICY = Policy(
    "p", Match(), (level(300 * MIB),), Mode.ANY, (),
    cooldown_ns=60 * S, grace_ns=10 * S,
)  # fmt: skip


def now() -> Moment:
    return Moment(30 * S, 30 * S, "boot")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ProcessSnapshot]:
    with sleeping(tmp_path) as pid:
        made = watches.process(pid, 400 * MIB)
        yield replace(made, key=key_of(pid), age_ns=100 * S)


def admitted(
    *there: ProcessSnapshot,
    policy: Policy = POLICY,
    running: tuple[Incident, ...] = (),
    spending: Spending | None = None,
    **changes: Any,
) -> Incident | str:
    admission = Admission(
        spending or Spending(), folder=lambda _path: None, moment=now, clock=lambda: 30 * S
    )
    books = watches.snapshot(watches.job(processes=there))
    admission.observe(books)
    finding = watches.finding(subject=Subject(watches.identity()))
    return admission.admit(Firing(policy, (finding,), **changes), books, [policy], running)


def test_an_incident_is_about_who_holds_most(process: ProcessSnapshot) -> None:
    incident = admitted(process)
    assert isinstance(incident, Incident)
    assert incident.target.key == process.key
    assert (incident.began_ns, len(incident.curve)) == (30 * S, 1)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"age_ns": 5 * S}, "is younger than the grace period"),
        ({"role": "telemetry"}, "the policy matches none of its processes"),
        ({"state": "forked"}, "the policy matches none of its processes"),
        ({"comm": "cc1"}, "the policy matches none of its processes"),
    ],
)
def test_who_is_left_alone(process: ProcessSnapshot, changes: dict[str, Any], why: str) -> None:
    policy = replace(POLICY, match=Match(comms=("gopls",)))
    told = admitted(replace(process, **changes), policy=policy)
    assert isinstance(told, str)
    assert why in told


def test_a_process_that_is_gone_already_is_no_incident(process: ProcessSnapshot) -> None:
    gone = replace(process, key=replace(process.key, start_boottime_ns=0))
    told = admitted(gone)
    assert isinstance(told, str)
    assert "its pid is another process's now" in told


def test_one_incident_at_a_time_and_then_a_rest(process: ProcessSnapshot) -> None:
    runs = admitted(process)
    assert isinstance(runs, Incident)
    assert admitted(process, running=(runs,)) == (
        "the incident of the job's previous cgroup has not ended"
    )
    rested = Spending()
    rested.start_cooldown(runs.job.account, Moment(0, 0, "boot"))
    assert admitted(process, spending=rested) == "the job is in its cool-down"


def test_whom_a_fuse_stopped_waits_for_nothing(process: ProcessSnapshot) -> None:
    runs = admitted(process)
    assert isinstance(runs, Incident)
    rested = Spending()
    rested.start_cooldown(runs.job.account, Moment(0, 0, "boot"))
    young = replace(process, age_ns=S)
    blown = admitted(young, spending=rested, running=(runs,), by_fuse=True)
    assert isinstance(blown, Incident)


def test_one_that_has_another_name_by_now_is_another_program(process: ProcessSnapshot) -> None:
    """A fuse may stop it within exec, while the books have it as what it was."""
    told = admitted(replace(process, comm="go"))
    assert told == f"{process.pid} was go and has another name now"
