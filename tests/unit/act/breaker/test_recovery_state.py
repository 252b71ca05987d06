"""Several recovery checks of one incident, one after the other."""

from dataclasses import replace
from pathlib import Path

from ebpftrace.act.breaker.recovery_check import SETTLE_NS, RecoveryVerdict
from ebpftrace.act.breaker.recovery_state import RecoveryState
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB
from tests.support import watches
from tests.support.incidents import incident

KEY = ProcessKey(4711, 100)


def about() -> Incident:
    return incident(
        Target(KEY, "/ci/build-42", (0, 0)), job=watches.identity(),
        held_bytes=500 * MIB, job_held_bytes=500 * MIB,
    )  # fmt: skip


def snapshot(now_ns: int, mib: int | None) -> Snapshot:
    target = replace(watches.process(resident=(mib or 0) * MIB), key=KEY)
    job = watches.job(processes=() if mib is None else (target,))
    return watches.snapshot(job)._replace(monotonic_ns=now_ns)


def started() -> RecoveryState:
    state = RecoveryState()
    state.start(about(), 100)
    return state


def test_a_snapshot_from_before_the_step_ended_is_ignored() -> None:
    state = started()
    state.observe(snapshot(99, 100))
    assert state.verdict is RecoveryVerdict.WAIT
    state.observe(snapshot(100, 100))
    assert state.helped


def test_a_verdict_that_nothing_helped_is_open_again_before_a_later_step() -> None:
    for more_steps, verdict in (
        (True, RecoveryVerdict.WAIT),
        (False, RecoveryVerdict.NOT_HELPED),
    ):
        state = started()
        state.observe(snapshot(101 + SETTLE_NS, 500))
        assert state.verdict is RecoveryVerdict.NOT_HELPED
        state.complete(more_steps=more_steps)
        assert state.verdict is verdict
        assert not state.checking
        assert state.result is not None


def test_a_verdict_that_it_helped_stays() -> None:
    state = started()
    state.observe(snapshot(100, 100))
    state.complete(more_steps=True)
    assert state.helped


def test_concluding_is_no_help_while_memory_is_as_high(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(f"total_rss 0\ntotal_shmem {480 * MIB}\n")
    state = RecoveryState()
    state.start(replace(about(), cgroup_folder=tmp_path, limit_bytes=1024 * MIB), 100)
    state.observe(snapshot(100, None))
    assert state.awaits_successor
    state.conclude()
    assert not state.helped
    assert state.result is not None
    assert state.result.held_bytes == 480 * MIB


def test_concluding_does_not_wait_for_a_successor() -> None:
    state = started()
    state.observe(snapshot(100, None))
    assert state.awaits_successor
    state.conclude()
    assert state.helped
    assert state.result is not None
    assert state.result.freed_bytes == 500 * MIB


def test_concluding_while_the_target_lives_is_no_recovery() -> None:
    state = started()
    state.observe(snapshot(100, 500))
    assert not state.awaits_successor
    state.conclude()
    assert not state.helped
    assert state.result is None


def test_a_cancelled_check_has_no_result() -> None:
    state = started()
    state.cancel()
    assert not state.checking
    assert state.result is None
