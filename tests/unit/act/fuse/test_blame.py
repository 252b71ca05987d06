"""Which of several CI runs in one cgroup an incident is about."""

from dataclasses import replace
from zlib import crc32

import pytest

from ebpftrace.act.fuse.blame import blame_for
from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.format import first_event
from ebpftrace.act.fuse.states import StoppedProcess
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Policy
from ebpftrace.events import FuseScope
from ebpftrace.ledger import JobSnapshot, KnownProcess
from ebpftrace.units import MIB
from tests.support import watches
from tests.support.stops import GROUP, POLICY, blown


def run(
    name: str, mib: int, *, gained: int = 0, comm: str = "gopls", monitor: bool = False
) -> JobSnapshot:
    """A run with one process."""
    made = watches.process(crc32(name.encode()) + 1, mib * MIB, comm=comm)
    made = replace(made, recent_growth_bytes=gained * MIB, lost_role=monitor)
    return watches.job(name, [made])


def blamed(
    *runs: JobSnapshot,
    scope: FuseScope = FuseScope.JOB,
    policies: tuple[Policy, ...] = (POLICY,),
    users: tuple[str, ...] = (),
) -> tuple[str, str]:
    """The run and the policy, where the process of the first run was stopped.

    `users` are those of the runs, one of each by default.
    """
    pids = [made.processes[0].pid for made in runs]
    owners = dict(zip(pids, users, strict=True)) if users else {pid: pid for pid in pids}
    (process,), job = runs[0].processes, runs[0].identity
    known = KnownProcess(job, process.comm, "", None, process.exec_name)
    stop = blown(process, scope=scope)
    event = first_event(FuseEventKind.STOPPED, stop, known, POLICY, time_ns=0)
    assert POLICY.fuse is not None
    stopped = StoppedProcess(event, POLICY, POLICY.fuse, GROUP, process.key)
    found = blame_for(policies, watches.snapshot(*reversed(runs)), stopped, owners.get)
    assert found.firing(event).finding.subject.job == found.job
    return found.job.name, found.policy.name


@pytest.mark.parametrize(
    ("gained", "expected"), [((5, 90, 7), "one"), ((5, 5, 5), "calm"), ((0, 0, 0), "calm")]
)
def test_run_that_gained_most_is_blamed(gained: tuple[int, ...], expected: str) -> None:
    names = ("calm", "one", "other")
    runs = [run(name, 40, gained=mib) for name, mib in zip(names, gained, strict=True)]
    assert blamed(*runs) == (expected, POLICY.name)


def test_run_that_holds_most_is_blamed_though_it_rests() -> None:
    assert blamed(run("calm", 40, gained=30), run("one", 90))[0] == "one"


def test_what_was_just_gained_counts_twice() -> None:
    """So that no run is blamed in the place of one that holds more than twice as much."""
    assert blamed(run("calm", 60), run("one", 40, gained=21))[0] == "one"
    assert blamed(run("calm", 60), run("one", 40, gained=18))[0] == "calm"
    assert blamed(run("one", 40, gained=40), run("most", 81))[0] == "most"
    assert blamed(run("one", 40, gained=900), run("most", 81))[0] == "most"
    assert blamed(run("calm", 40), run("one", 30, gained=-20))[0] == "calm"


def test_runs_of_a_user_are_weighed_together() -> None:
    invented = [run(f"run-{n}", 20 + n, gained=n) for n in range(5)]
    calm = run("calm", 45, gained=10)
    assert blamed(calm, *invented)[0] == "calm"
    assert blamed(calm, *invented, users=("one", *["other"] * 5))[0] == "run-4"
    assert blamed(calm, *invented[:2], users=("one", *["other"] * 2))[0] == "calm"
    assert blamed(calm, *invented, users=("same",) * 6)[0] == "calm"


def test_monitors_that_are_too_large_together_are_blamed_though_they_are_idle() -> None:
    monitors = [run(f"run-{n}", 20 + n, monitor=True) for n in range(5)]
    assert blamed(run("calm", 90, gained=1), *monitors)[0] == "run-4"
    assert blamed(run("leak", 900, gained=1), *monitors)[0] == "leak"


def test_process_at_its_own_bound_is_to_blame_itself() -> None:
    assert (
        blamed(run("calm", 40), run("one", 40, gained=90), scope=FuseScope.PROCESS)[0] == "calm"
    )


def test_only_what_is_under_such_a_bound_is_blamed_by_its_own_policy() -> None:
    other = replace(POLICY, name="other", match=Match(comms=("cc1",)))
    own = replace(other, fuse=Fuse(1, False, FuseScope.PROCESS))
    runs = run("calm", 40, gained=1), run("one", 40, gained=90, comm="cc1")
    assert blamed(*runs) == ("calm", POLICY.name)
    assert blamed(*runs, policies=(POLICY, own)) == ("calm", POLICY.name)
    assert blamed(*runs, policies=(POLICY, other)) == ("one", "other")


def test_job_in_another_cgroup_is_not_blamed() -> None:
    other = run("one", 40, gained=90)
    other = replace(other, identity=other.identity._replace(cgroup_id=GROUP + 1))
    assert blamed(run("calm", 40), other)[0] == "calm"
