"""Which firings become incidents, and why others do not. The process is a real one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.in_vain import InVain
from ebpftrace.act.breaker.admission import Admission
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy
from ebpftrace.act.process.ready import ReadyTargets
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import ProcessSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import level
from tests.support.incidents import key_of, sleeping

S = NS_PER_SECOND
JOB = watches.identity()
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
    in_vain: InVain | None = None,
    job: JobIdentity = JOB,
    **changes: Any,
) -> Incident | str:
    admission = Admission(
        spending or Spending(),
        folder=lambda _path: None,
        moment=now,
        clock=lambda: 30 * S,
        ready=ReadyTargets(),
        in_vain=in_vain or InVain(),
    )
    snapshot = watches.snapshot(replace(watches.job(processes=there), identity=job))
    finding = watches.finding(subject=Subject(job))
    return admission.admit(Firing(policy, (finding,), **changes), snapshot, [policy], running)


def test_an_incident_is_about_the_process_that_holds_most(process: ProcessSnapshot) -> None:
    incident = admitted(process)
    assert isinstance(incident, Incident)
    assert incident.target.key == process.key
    assert incident.began_ns == 30 * S


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"age_ns": 5 * S}, "is younger than the grace period"),
        ({"role": "telemetry"}, "the policy matches none of its processes"),
        ({"comm": "cc1"}, "the policy matches none of its processes"),
    ],
)
def test_a_process_is_left_alone(
    process: ProcessSnapshot, changes: dict[str, Any], expected: str
) -> None:
    policy = replace(POLICY, match=Match(comms=("gopls",)))
    reason = admitted(replace(process, **changes), policy=policy)
    assert isinstance(reason, str)
    assert expected in reason


def test_a_process_that_has_ended_already_starts_no_incident(process: ProcessSnapshot) -> None:
    gone = replace(process, key=process.key._replace(start_boottime_ns=0))
    reason = admitted(gone)
    assert isinstance(reason, str)
    assert "its pid is another process's now" in reason


def test_a_job_has_one_incident_at_a_time_and_a_cool_down_after_it(
    process: ProcessSnapshot,
) -> None:
    first = admitted(process)
    assert isinstance(first, Incident)
    assert admitted(process, running=(first,)) == (
        "the incident of the job's previous cgroup has not ended"
    )
    spending = Spending()
    spending.start_cooldown(first.job.account, Moment(0, 0, "boot"))
    assert admitted(process, spending=spending) == "the job is in its cool-down"


def test_run_has_the_cool_down_of_its_cgroup(process: ProcessSnapshot) -> None:
    run, spending = JOB._replace(place_account="/ci"), Spending()
    spending.start_cooldown("/ci", Moment(0, 0, "boot"))
    assert admitted(process, spending=spending, job=run) == (
        "its cgroup is in the cool-down of another CI run"
    )
    assert isinstance(admitted(process, spending=spending), Incident)


def test_nothing_more_is_done_about_a_process_until_there_is_budget(
    process: ProcessSnapshot,
) -> None:
    once = replace(POLICY, budget=Budget(1, 60 * S))
    spending, in_vain = Spending(), InVain()
    spending.spend(JOB.accounts, Moment(0, 0, "boot"))
    first = admitted(process, policy=once, spending=spending, in_vain=in_vain)
    assert isinstance(first, Incident)  # which says so
    in_vain.add(first)
    assert admitted(process, policy=once, spending=spending, in_vain=in_vain) == (
        "budget spent: 1 restart in 1m00s; the next in 30s"
    )
    assert isinstance(admitted(process, policy=once, in_vain=in_vain), Incident)


def test_a_firing_by_a_fuse_skips_grace_and_cool_down(process: ProcessSnapshot) -> None:
    first = admitted(process)
    assert isinstance(first, Incident)
    spending = Spending()
    spending.start_cooldown(first.job.account, Moment(0, 0, "boot"))
    young = replace(process, age_ns=S)
    blown = admitted(young, spending=spending, running=(first,), by_fuse=True)
    assert isinstance(blown, Incident)


def test_a_process_with_another_name_than_in_the_snapshot_is_refused(
    process: ProcessSnapshot,
) -> None:
    """A fuse may stop a process within exec, before the ledger hears of it."""
    reason = admitted(replace(process, comm="go"))
    assert reason == f"{process.pid} was go and has another name now"
