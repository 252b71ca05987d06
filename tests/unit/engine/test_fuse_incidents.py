"""The life of stopped processes and the incidents of their jobs; the breaker is scripted."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind, UserCommand, UserCommandKind
from ebpftrace.act.fuse.states import StopState
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.engine.fuse_incidents import FuseIncidents
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.ledger import KnownProcess, Snapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.incidents import key_of, sleeping
from tests.support.scripted_holding import ScriptedHolding
from tests.support.scripted_probe import ScriptedFuses
from tests.support.scripted_time import ScriptedTime

POLICY = Policy("bursts", Match(), (), Mode.ANY, (), fuse=Fuse(GIB, False))
OWN = replace(POLICY, fuse=Fuse(GIB, False, FuseScope.PROCESS))
JOB = watches.identity()
STOPPED, KILLED = FuseEventKind.STOPPED, FuseEventKind.KILLED
THAWED, ENDED = FuseEventKind.THAWED, FuseEventKind.ENDED


@dataclass
class ScriptedBreaker:
    """The part of a `Breaker` that is asked; the next incident gets `next_targets`.

    Empty: the breaker starts none, as for a spent budget.
    """

    next_targets: list[frozenset[ProcessKey]] = field(default_factory=list)
    running: dict[str, frozenset[ProcessKey]] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    logged: list[FuseEvent] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    is_full: bool = False

    def start_fuse_incident(self, firing: Firing, _snapshot: Snapshot) -> tuple[()]:
        self.firings.append(firing)
        if self.next_targets:
            self.running[JOB.key] = self.next_targets.pop(0)
        return ()

    def targets_of(self, job: str) -> frozenset[ProcessKey] | None:
        return self.running.get(job)

    def conclude(self, job: str, reason: str) -> tuple[()]:
        return self._end("conclude", job, reason)

    def cancel(self, job: str, reason: str) -> tuple[()]:
        return self._end("cancel", job, reason)

    def kill_now(self, job: str, reason: str) -> tuple[()]:
        self.calls.append(("kill now", *self.running[job], reason))
        return ()

    def log_fuse_event(self, event: FuseEvent) -> None:
        self.logged.append(event)

    def log_fuse_kill(self, event: FuseEvent) -> None:
        self.calls.append(("log kill", event.process))

    def budget_refusal(self, _job: object, _policy: object) -> str:
        return ""

    def _end(self, name: str, job: str, reason: str) -> tuple[()]:
        self.calls.append((name, reason))
        self.running.pop(job, None)
        return ()


class Rig:
    """Incidents over a scripted breaker; the processes are real, so that they are alive."""

    def __init__(self) -> None:
        self.time = ScriptedTime()
        self.holding = ScriptedHolding()
        self.asked: list[tuple[object, ...]] = []
        self.breaker = ScriptedBreaker()
        self.reported: list[FuseEvent] = []
        self.remarks: list[str] = []
        self.controller = FuseController(
            ScriptedFuses(self.asked), self.holding, unix_ns=lambda ns: ns
        )
        self.incidents = FuseIncidents(
            self.controller,
            cast(Any, self.breaker),
            report_fuse=self.reported.append,
            report=lambda _events: None,
            remark=self.remarks.append,
            clock=lambda: self.time.now_ns,
        )

    @property
    def kinds(self) -> list[tuple[ProcessKey, FuseEventKind]]:
        """What was reported, in order."""
        assert self.breaker.logged == [it for it in self.reported if it.kind is not KILLED]
        return [(event.process, event.kind) for event in self.reported]

    def stop(self, key: ProcessKey, mib: int = 1100, **changes: object) -> None:
        blown = self.blown(key, mib)
        self.incidents.kernel_stop(replace(blown, **changes))  # type: ignore[arg-type]

    def blown(self, key: ProcessKey, mib: int = 1100) -> FuseBlown:
        size = mib * MIB
        return FuseBlown(
            self.time.now_ns, key, JOB.cgroup_id, FuseScope.JOB, size, GIB + size, GIB, 19
        )

    def snapshot(self, *keys: ProcessKey, policy: Policy = POLICY, comm: str = "gopls") -> None:
        """The next snapshot, half a second later, of a job with these processes."""
        self.time.advance(0.5)
        processes = [
            replace(watches.process(key.pid, 1200 * MIB, comm=comm), key=key) for key in keys
        ]
        jobs = [watches.job(processes=processes, limit=4 * GIB)] if keys else []
        now = replace(watches.snapshot(*jobs), monotonic_ns=self.time.now_ns)
        self.incidents.handle_snapshot([policy], now)
        self.incidents.after_actions()

    def end_incident(self) -> None:
        """It has run its ladder and its recovery check."""
        self.breaker.running.clear()
        self.incidents.after_actions()


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[list[ProcessKey]]:
    """Three processes that sleep."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in "abc"]
        for folder in folders:
            folder.mkdir()
        yield [key_of(stack.enter_context(sleeping(folder))) for folder in folders]


def targeted(rig: Rig, target: ProcessKey, *keys: ProcessKey, policy: Policy = POLICY) -> None:
    """All are stopped, and an incident is about the first one."""
    rig.breaker.next_targets = [frozenset({target})]
    for key in (target, *keys):
        rig.stop(key)
    rig.snapshot(target, *keys, policy=policy)
    assert rig.kinds == [(key, STOPPED) for key in (target, *keys)]
    assert rig.controller.state(target) is StopState.TARGET


def test_stopped_process_needs_a_snapshot_and_gets_an_incident(
    rig: Rig, keys: list[ProcessKey]
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


def test_others_are_resumed_when_the_target_has_ended(rig: Rig, keys: list[ProcessKey]) -> None:
    target, *others = keys
    targeted(rig, target, *others)
    rig.incidents.ended(target)
    assert rig.incidents.needs_snapshot  # the others are not to wait for the next tick
    rig.snapshot(*others)
    assert rig.kinds[3:] == [(target, ENDED), *((key, THAWED) for key in others)]
    assert rig.holding.resumed == others
    assert not rig.incidents.needs_snapshot


def test_process_stopped_after_the_target_ended_is_the_next_target(
    rig: Rig, keys: list[ProcessKey]
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
    rig: Rig, keys: list[ProcessKey]
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


def test_all_are_resumed_when_the_target_survives(rig: Rig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys)
    rig.end_incident()
    assert rig.holding.resumed == keys
    assert rig.kinds[3:] == [(key, THAWED) for key in keys]
    assert not rig.incidents.needs_snapshot


def test_process_at_its_own_bound_stays_stopped_for_an_incident_of_its_own(
    rig: Rig, keys: list[ProcessKey]
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


def test_incident_that_a_finding_started_is_used(rig: Rig, keys: list[ProcessKey]) -> None:
    rig.breaker.running[JOB.key] = frozenset({keys[0]})
    rig.stop(keys[0])
    rig.snapshot(keys[0])
    assert rig.breaker.firings == []
    rig.end_incident()
    assert rig.holding.resumed == [keys[0]]


def test_full_breaker_leaves_the_process_stopped_until_it_has_room(
    rig: Rig, keys: list[ProcessKey]
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


def test_all_are_resumed_where_no_incident_can_start(rig: Rig, keys: list[ProcessKey]) -> None:
    """A spent budget, for example: no process may wait for ever."""
    small, large, _ = keys
    rig.stop(small, mib=100)
    rig.stop(large, mib=900)
    rig.snapshot(small, large)
    subjects = [firing.finding.subject.process for firing in rig.breaker.firings]
    assert subjects == [None, large]
    assert sorted(rig.holding.resumed) == sorted([small, large])


def test_stop_within_exec_waits_for_the_new_program(rig: Rig, keys: list[ProcessKey]) -> None:
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
    rig: Rig, keys: list[ProcessKey]
) -> None:
    rig.stop(keys[0])
    for _ in range(5):
        rig.snapshot(keys[0], comm="sh")
    assert rig.holding.resumed == [keys[0]]


def test_target_that_is_resumed_and_stopped_again_is_the_target_again(
    rig: Rig, keys: list[ProcessKey]
) -> None:
    targeted(rig, keys[0])
    rig.incidents.resume(keys[0])  # by its ladder, so that it can handle a signal
    rig.stop(keys[0])
    rig.snapshot(keys[0])
    assert rig.controller.state(keys[0]) is StopState.TARGET
    rig.end_incident()
    assert rig.holding.resumed == [keys[0], keys[0]]


def test_user_resumes_the_target_and_cancels_its_incident(
    rig: Rig, keys: list[ProcessKey]
) -> None:
    targeted(rig, *keys[:2])
    rig.incidents.execute(UserCommand(UserCommandKind.THAW, keys[0]))
    assert rig.breaker.calls == [("cancel", "thawed by hand")]
    assert rig.holding.resumed == [keys[0]]


def test_user_resumes_another_process_and_the_incident_goes_on(
    rig: Rig, keys: list[ProcessKey]
) -> None:
    targeted(rig, *keys[:2])
    rig.incidents.execute(UserCommand(UserCommandKind.THAW, keys[1]))
    assert rig.breaker.calls == []
    assert rig.holding.resumed == [keys[1]]


def test_user_ends_the_target(rig: Rig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys[:2])
    rig.incidents.execute(UserCommand(UserCommandKind.END, keys[0]))
    assert rig.breaker.calls == [("kill now", keys[0], "ended by hand")]


def test_user_ends_another_process_than_the_target(rig: Rig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys[:2])
    rig.breaker.next_targets = [frozenset({keys[1]})]
    rig.incidents.execute(UserCommand(UserCommandKind.END, keys[1]))
    assert rig.breaker.calls == [
        ("cancel", f"gopls {keys[1].pid} is ended by hand"),
        ("kill now", keys[1], "ended by hand"),
    ]
    assert rig.breaker.firings[-1].finding.subject.process == keys[1]
    rig.incidents.ended(keys[1])
    rig.snapshot(keys[0])
    assert rig.holding.resumed == [keys[0]]


def test_command_for_a_process_that_is_not_stopped_is_remarked(rig: Rig) -> None:
    rig.incidents.execute(UserCommand(UserCommandKind.END, ProcessKey(4711, 1)))
    assert rig.remarks == ["process 4711 is not stopped by a fuse"]
    assert rig.breaker.calls == []


def test_thaw_request_resumes_one_or_all_and_returns_sentences(
    rig: Rig, keys: list[ProcessKey]
) -> None:
    targeted(rig, *keys)
    assert rig.incidents.thaw(1) == []
    (sentence,) = rig.incidents.thaw(keys[1].pid)
    assert sentence.startswith(f"gopls {keys[1].pid} was resumed after")
    assert len(rig.incidents.thaw(None)) == 2
    assert rig.holding.resumed == [keys[1], keys[0], keys[2]]
    assert rig.incidents.thaw(None) == []


def test_process_that_ends_is_not_resumed(rig: Rig, keys: list[ProcessKey]) -> None:
    targeted(rig, keys[0])
    os.kill(keys[0].pid, 9)
    os.waitid(os.P_PID, keys[0].pid, os.WEXITED | os.WNOWAIT)
    rig.end_incident()
    assert rig.holding.resumed == []
    rig.incidents.ended(keys[0])
    assert rig.kinds[1:] == [(keys[0], ENDED)]


def test_end_of_a_process_that_is_not_identified_is_not_reported(
    rig: Rig, keys: list[ProcessKey]
) -> None:
    rig.stop(keys[0])
    rig.incidents.ended(keys[0])
    assert rig.kinds == []
    assert rig.holding.held == []


def test_kill_by_the_kernel_is_logged_and_reported(rig: Rig) -> None:
    known = KnownProcess(JOB, "gopls", "", 4 * GIB)
    killed = replace(rig.blown(ProcessKey(4711, 1)), signal=9)
    rig.incidents.kernel_kill(killed, [POLICY], known)
    assert rig.kinds == [(killed.key, KILLED)]
    assert rig.breaker.calls == [("log kill", killed.key)]


@pytest.mark.parametrize("known", [None, KnownProcess(JOB, "gopls", "pprof", 4 * GIB)])
def test_kill_of_a_process_without_a_fuse_is_remarked(
    known: KnownProcess | None, rig: Rig
) -> None:
    killed = replace(rig.blown(ProcessKey(4711, 1)), signal=9)
    rig.incidents.kernel_kill(killed, [POLICY], known)
    assert rig.remarks == ["a fuse killed untracked process 4711"]
    assert rig.reported == []


def test_share_without_a_limit_is_remarked_once(rig: Rig) -> None:
    share = replace(POLICY, fuse=Fuse(0.9, True))
    free = watches.job(processes=[watches.process()], limit=None)
    for _ in range(2):
        rig.incidents.handle_snapshot([share], watches.snapshot(free))
    assert rig.remarks == ["build-42 has no memory limit: a fuse at a share of it never acts"]


def test_all_are_resumed_at_the_end_of_the_watch(rig: Rig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys[:2])
    rig.stop(keys[2])
    rig.time.advance(2)
    rig.incidents.close()
    assert rig.holding.resumed == keys
    assert rig.kinds[2:] == [(key, THAWED) for key in keys[:2]]
    assert rig.reported[-1].stopped_ns == pytest.approx(2.5 * NS_PER_SECOND)
    assert rig.reported[-1].next_bound_bytes is None
