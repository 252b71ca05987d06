"""The life of stopped processes and the incidents of their jobs; the breaker is scripted."""

import os
from dataclasses import replace

import pytest

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.states import StopState
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import JobSnapshot, KnownProcess
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.fuse_rig import (
    JOB,
    KILLED,
    POLICY,
    STOPPED,
    FuseRig,
    targeted,
)

OWN = replace(POLICY, fuse=Fuse(GIB, False, FuseScope.PROCESS))
THAWED, ENDED = FuseEventKind.THAWED, FuseEventKind.ENDED


def test_stopped_process_needs_a_snapshot_and_gets_an_incident(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    needed = [rig.incidents.needs_snapshot]
    rig.breaker.next_targets = [frozenset({keys[0]})]
    rig.stop(keys[0])
    needed.append(rig.incidents.needs_snapshot)
    assert rig.holding.held == [keys[0]]
    rig.snapshot(keys[0])
    needed.append(rig.incidents.needs_snapshot)
    assert needed == [False, True, False]
    (firing,) = rig.breaker.firings
    assert firing.by_fuse
    assert firing.finding.subject.process is None  # the breaker chooses by growth
    assert rig.controller.state(keys[0]) is StopState.TARGET


def test_others_are_resumed_when_the_target_has_ended(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    target, *others = keys
    targeted(rig, target, *others)
    rig.incidents.ended(target)
    assert rig.incidents.needs_snapshot  # the others are not to wait for the next tick
    rig.snapshot(*others)
    assert rig.kinds[3:] == [(target, ENDED), *((key, THAWED) for key in others)]
    assert rig.holding.resumed == others
    assert not rig.incidents.needs_snapshot


def test_process_stopped_after_the_target_ended_is_the_next_target(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    target, successor, _ = keys
    targeted(rig, target)
    rig.incidents.ended(target)
    rig.snapshot(successor)
    rig.breaker.next_targets = [frozenset({successor})]
    rig.stop(successor)
    rig.snapshot(successor)
    assert rig.breaker.calls == [("conclude", "another stopped process is next")]
    assert rig.controller.state(successor) is StopState.TARGET
    assert rig.holding.resumed == []
    rig.incidents.ended(successor)
    rig.snapshot()
    rig.end_incident()
    assert rig.kinds[2:] == [(successor, STOPPED), (successor, ENDED)]


def test_process_stopped_as_the_incident_ends_gets_one_of_its_own(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    target, successor, _ = keys
    targeted(rig, target)
    rig.incidents.ended(target)
    rig.snapshot(successor)
    rig.stop(successor)
    rig.end_incident()
    rig.breaker.next_targets = [frozenset({successor})]
    rig.snapshot(successor)
    assert rig.controller.state(successor) is StopState.TARGET
    assert rig.holding.resumed == []


def test_all_are_resumed_when_the_target_survives(rig: FuseRig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys)
    rig.end_incident()
    assert rig.holding.resumed == keys
    assert rig.kinds[3:] == [(key, THAWED) for key in keys]
    assert not rig.incidents.needs_snapshot


def test_process_at_its_own_bound_stays_stopped_for_an_incident_of_its_own(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    first, second, _ = keys
    rig.breaker.next_targets = [frozenset({first})]
    for key in (first, second):
        rig.stop(key, scope=FuseScope.PROCESS)
    rig.snapshot(first, second, policy=OWN)
    assert rig.breaker.firings[0].finding.subject.process == first
    rig.end_incident()
    assert rig.holding.resumed == [first]
    assert rig.incidents.needs_snapshot
    rig.breaker.next_targets = [frozenset({second})]
    rig.snapshot(second, policy=OWN)
    assert rig.breaker.firings[-1].finding.subject.process == second
    assert rig.controller.state(second) is StopState.TARGET


def test_incident_that_a_finding_started_is_used(rig: FuseRig, keys: list[ProcessKey]) -> None:
    rig.breaker.running[JOB.key] = frozenset({keys[0]})
    rig.stop(keys[0])
    rig.snapshot(keys[0])
    assert rig.breaker.firings == []
    rig.end_incident()
    assert rig.holding.resumed == [keys[0]]


def test_process_waits_for_the_incident_of_another_run_in_its_cgroup(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    """That one gained more; the process is resumed once the other one's has ended."""
    calm, other, _ = keys
    runs = [run("calm", calm), run("other", other, gained_bytes=GIB)]
    rig.breaker.next_targets = [frozenset({other})]
    for key in (calm, other):
        rig.stop(key)
    see(rig, *runs)
    see(rig, *runs)
    assert [it.finding.subject.job.name for it in rig.breaker.firings] == ["other"]
    assert (rig.controller.state(other), rig.holding.resumed) == (StopState.TARGET, [])
    rig.incidents.ended(other)
    see(rig, runs[0])
    assert rig.holding.resumed == [calm]


def test_nothing_is_ended_in_the_place_of_another_run_s_process(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    """For want of budget, for example: the calm process is resumed."""
    calm, other, _ = keys
    rig.stop(calm)
    see(rig, run("calm", calm), run("other", other, gained_bytes=GIB))
    (firing,) = rig.breaker.firings
    assert firing.finding.subject == Subject(watches.identity("other"))
    assert rig.holding.resumed == [calm]


def run(name: str, key: ProcessKey, gained_bytes: int = 0) -> JobSnapshot:
    """One of several in a cgroup."""
    process = watches.process(key.pid, 1200 * MIB)
    process = replace(process, key=key, recent_growth_bytes=gained_bytes)
    return watches.job(name, [process], limit=2 * GIB)


def see(rig: FuseRig, *jobs: JobSnapshot) -> None:
    rig.time.advance(0.5)
    now = watches.snapshot(*jobs)._replace(monotonic_ns=rig.time.now_ns)
    rig.incidents.handle_snapshot([POLICY], now)
    rig.incidents.after_actions()


def test_full_breaker_leaves_the_process_stopped_until_it_has_room(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    rig.breaker.is_full = True
    rig.stop(keys[0])
    rig.snapshot(keys[0])
    assert rig.breaker.firings == []
    assert rig.holding.resumed == []
    rig.breaker.is_full = False
    rig.breaker.next_targets = [frozenset({keys[0]})]
    rig.snapshot(keys[0])
    assert rig.controller.state(keys[0]) is StopState.TARGET


def test_all_are_resumed_where_no_incident_can_start(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    """A spent budget, for example: no process may wait for ever."""
    small, large, _ = keys
    rig.stop(small, mib=100)
    rig.stop(large, mib=900)
    rig.snapshot(small, large)
    subjects = [firing.finding.subject.process for firing in rig.breaker.firings]
    assert subjects == [None, large]
    assert sorted(rig.holding.resumed) == sorted([small, large])


def test_stop_within_exec_waits_for_the_new_program(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    """The snapshot has another name than /proc: the event of the exec is still to come."""
    rig.stop(keys[0])
    rig.snapshot(keys[0], comm="sh")
    assert rig.holding.resumed == []
    assert rig.incidents.needs_snapshot
    rig.incidents.executed(keys[0])
    rig.breaker.next_targets = [frozenset({keys[0]})]
    rig.snapshot(keys[0])
    assert rig.controller.state(keys[0]) is StopState.TARGET


def test_stop_within_exec_does_not_wait_for_a_lost_event(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    rig.stop(keys[0])
    for _ in range(5):
        rig.snapshot(keys[0], comm="sh")
    assert rig.holding.resumed == [keys[0]]


def test_target_that_is_resumed_and_stopped_again_is_the_target_again(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    targeted(rig, keys[0])
    rig.incidents.resume(keys[0])  # by its ladder, so that it can handle a signal
    rig.stop(keys[0])
    rig.snapshot(keys[0])
    assert rig.controller.state(keys[0]) is StopState.TARGET
    rig.end_incident()
    assert rig.holding.resumed == [keys[0], keys[0]]


def test_process_that_ends_is_not_resumed(rig: FuseRig, keys: list[ProcessKey]) -> None:
    targeted(rig, keys[0])
    os.kill(keys[0].pid, 9)
    os.waitid(os.P_PID, keys[0].pid, os.WEXITED | os.WNOWAIT)
    rig.end_incident()
    assert rig.holding.resumed == []
    rig.incidents.ended(keys[0])
    assert rig.kinds[1:] == [(keys[0], ENDED)]


def test_end_of_a_process_that_is_not_identified_is_not_reported(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    rig.stop(keys[0])
    rig.incidents.ended(keys[0])
    assert rig.kinds == []
    assert rig.holding.held == []


def test_all_are_resumed_at_the_end_of_the_watch(rig: FuseRig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys[:2])
    rig.stop(keys[2])
    rig.time.advance(2)
    rig.incidents.close()
    assert rig.holding.resumed == keys
    assert rig.kinds[2:] == [(key, THAWED) for key in keys[:2]]
    assert rig.reported[-1].stopped_ns == pytest.approx(2.5 * NS_PER_SECOND)
    assert rig.reported[-1].next_bound_bytes is None


def test_kill_by_the_kernel_is_logged_and_reported(rig: FuseRig) -> None:
    known = KnownProcess(JOB, "gopls", "", 4 * GIB)
    killed = rig.blown(ProcessKey(4711, 1))._replace(signal=9)
    rig.incidents.kernel_kill(killed, [POLICY], known)
    assert rig.kinds == [(killed.key, KILLED)]
    assert rig.breaker.calls == [("log kill", killed.key)]


@pytest.mark.parametrize("known", [None, KnownProcess(JOB, "gopls", "pprof", 4 * GIB)])
def test_kill_of_a_process_without_a_fuse_is_remarked(
    known: KnownProcess | None, rig: FuseRig
) -> None:
    killed = rig.blown(ProcessKey(4711, 1))._replace(signal=9)
    rig.incidents.kernel_kill(killed, [POLICY], known)
    assert rig.remarks == ["a fuse killed untracked process 4711"]
    assert rig.reported == []


def test_share_without_a_limit_is_remarked_once(rig: FuseRig) -> None:
    share = replace(POLICY, fuse=Fuse(0.9, True))
    free = watches.job(processes=[watches.process()], limit=None)
    for _ in range(2):
        rig.incidents.handle_snapshot([share], watches.snapshot(free))
    assert rig.remarks == ["build-42 has no memory limit: a fuse at a share of it never acts"]
