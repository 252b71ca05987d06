"""Did a step help? Judged from the snapshots after it."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.breaker.recovery_check import (
    SETTLE_NS,
    STEADY_NS,
    SUCCESSOR_NS,
    RecoveryCheck,
    RecoveryVerdict,
)
from ebpftrace.act.process.identity import Target
from ebpftrace.counters import Usage
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import JobState, ProcessSnapshot, ProcessState, Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.incidents import incident

S = NS_PER_SECOND
OLD = ProcessKey(4711, 100)


def process(
    key: ProcessKey, mib: int, age_s: float = 100, **changes: object
) -> ProcessSnapshot:
    made = watches.process(key.pid, mib * MIB * 16 // 15)
    return replace(made, key=key, age_ns=round(age_s * S), **changes)  # type: ignore[arg-type]


def seen(seconds: float, *processes: ProcessSnapshot) -> Snapshot:
    made = watches.snapshot(watches.job(processes=processes, limit=None))
    return made._replace(monotonic_ns=round(seconds * S))


@pytest.fixture
def check() -> RecoveryCheck:
    about = incident(
        Target(OLD, "/ci/build-42", (0, 0)),
        job=watches.identity(),
        held_bytes=500 * MIB,
        job_held_bytes=500 * MIB,
        initial_processes=frozenset({OLD, ProcessKey(5000, 200)}),
    )
    return RecoveryCheck(about, 0)


def test_a_target_that_holds_less_has_recovered(check: RecoveryCheck) -> None:
    assert check.observe(seen(1, process(OLD, 490))) is RecoveryVerdict.WAIT
    assert check.observe(seen(2, process(OLD, 300))) is RecoveryVerdict.HELPED
    assert 190 * MIB < check.freed_bytes < 210 * MIB


def test_a_target_that_holds_as_much_after_a_while_has_not_recovered(
    check: RecoveryCheck,
) -> None:
    assert check.observe(seen(1, process(OLD, 500))) is RecoveryVerdict.WAIT
    assert (
        check.observe(seen(1 + SETTLE_NS / S, process(OLD, 500))) is RecoveryVerdict.NOT_HELPED
    )
    assert check.freed_bytes == 0


def test_a_steady_successor_means_recovery(check: RecoveryCheck) -> None:
    new = ProcessKey(4802, 300)
    assert check.observe(seen(1)) is RecoveryVerdict.WAIT
    assert check.observe(seen(2, process(new, 40, age_s=0.5))) is RecoveryVerdict.WAIT
    assert (
        check.observe(seen(5, process(new, 50, age_s=STEADY_NS / S))) is RecoveryVerdict.HELPED
    )
    assert check.successor == new


def test_a_successor_as_large_as_the_target_is_no_recovery(check: RecoveryCheck) -> None:
    check.observe(seen(1))
    new = process(ProcessKey(4802, 300), 490, age_s=STEADY_NS / S)
    assert check.observe(seen(4, new)) is RecoveryVerdict.NOT_HELPED


def test_without_a_successor_recovery_is_assumed_after_a_while(check: RecoveryCheck) -> None:
    assert check.observe(seen(1)) is RecoveryVerdict.WAIT
    assert check.observe(seen(1.1 + SUCCESSOR_NS / S)) is RecoveryVerdict.HELPED
    assert check.successor is None


def cgroup_of(check: RecoveryCheck, tmp_path: Path, anon: int, shmem: int) -> RecoveryCheck:
    """The check, with a limit and a memory.stat for when no process is tracked."""
    stat = f"total_rss {anon * MIB}\ntotal_shmem {shmem * MIB}\n"
    (tmp_path / "memory.stat").write_text(stat)
    about = replace(check.incident, cgroup_folder=tmp_path, limit_bytes=1024 * MIB)
    return RecoveryCheck(about, 0)


@pytest.mark.parametrize(
    ("anon", "shmem", "verdict"),
    [
        (0, 480, RecoveryVerdict.NOT_HELPED),
        (480, 0, RecoveryVerdict.NOT_HELPED),
        (300, 180, RecoveryVerdict.NOT_HELPED),
        (0, 380, RecoveryVerdict.HELPED),
    ],
    ids=["a tmpfs file", "not watched", "both", "less than before"],
)
def test_gone_without_a_successor_helps_only_if_memory_came_down(
    check: RecoveryCheck, tmp_path: Path, anon: int, shmem: int, verdict: RecoveryVerdict
) -> None:
    about = cgroup_of(check, tmp_path, anon, shmem)
    idle = replace(watches.job(processes=[process(OLD, 500)]), processes=(), usage=Usage())
    for second in (1, 1.1 + SETTLE_NS / S, 1.1 + SUCCESSOR_NS / S):
        snapshot = watches.snapshot(idle)._replace(monotonic_ns=round(second * S))
        found = about.observe(snapshot)
        if found is not RecoveryVerdict.WAIT:
            break
    assert found is verdict
    assert about.held_bytes == (anon + shmem) * MIB


def test_a_sibling_that_took_the_freed_memory_is_no_recovery(check: RecoveryCheck) -> None:
    sibling = process(ProcessKey(5000, 200), 490, comm="compile")
    assert check.observe(seen(1, sibling)) is RecoveryVerdict.WAIT
    assert check.observe(seen(1.1 + SETTLE_NS / S, sibling)) is RecoveryVerdict.NOT_HELPED


def test_memory_that_comes_down_late_is_a_recovery(check: RecoveryCheck) -> None:
    """The kernel frees a large process in seconds."""
    sibling = ProcessKey(5000, 200)
    assert check.observe(seen(1, process(sibling, 490))) is RecoveryVerdict.WAIT
    assert check.observe(seen(4, process(sibling, 20))) is RecoveryVerdict.WAIT
    late = seen(1.1 + SUCCESSOR_NS / S, process(sibling, 20))
    assert check.observe(late) is RecoveryVerdict.HELPED


def test_without_a_tracked_process_memory_stat_is_read(
    check: RecoveryCheck, tmp_path: Path
) -> None:
    """The ledger still has what the cgroup held while it was tracked."""
    (tmp_path / "memory.stat").write_text(f"total_rss {30 * MIB}\ntotal_shmem {10 * MIB}\n")
    with_limit = replace(check.incident, cgroup_folder=tmp_path, limit_bytes=1024 * MIB)
    about = RecoveryCheck(with_limit, 0)
    left = watches.job(processes=[process(OLD, 500)])
    idle = replace(left, processes=(), usage=Usage(), state=JobState.IDLE)
    for second in (1, 1.1 + SUCCESSOR_NS / S):
        snapshot = watches.snapshot(idle)._replace(monotonic_ns=round(second * S))
        verdict = about.observe(snapshot)
    assert verdict is RecoveryVerdict.HELPED
    assert about.freed_bytes == 460 * MIB


def test_a_process_that_was_there_before_is_no_successor(check: RecoveryCheck) -> None:
    sibling = process(ProcessKey(5000, 200), 20)
    check.observe(seen(1, sibling))
    assert check.observe(seen(4, sibling)) is RecoveryVerdict.WAIT
    assert check.successor is None


def test_a_fork_is_a_successor_once_it_stays_what_it_is(check: RecoveryCheck) -> None:
    """A younger one may be about to execute another program."""
    check.observe(seen(1))
    key, forked = ProcessKey(4803, 300), ProcessState.FORKED
    young = process(key, 5, age_s=1, state=forked)
    assert check.observe(seen(2, young)) is RecoveryVerdict.WAIT
    assert check.successor is None
    steady = process(key, 5, age_s=STEADY_NS / S, state=forked)
    assert check.observe(seen(4, steady)) is RecoveryVerdict.HELPED
    assert check.successor == key


def test_a_crash_monitor_is_no_successor(check: RecoveryCheck) -> None:
    monitor = process(ProcessKey(4803, 300), 5, role="telemetry")
    check.observe(seen(1, monitor))
    assert check.observe(seen(4, monitor)) is RecoveryVerdict.WAIT


def test_successors_that_keep_dying_are_no_recovery(check: RecoveryCheck) -> None:
    verdict = RecoveryVerdict.WAIT
    check.observe(seen(1))
    for number in range(2, 40):
        young = process(ProcessKey(4802 + number, 300 + number), 5, age_s=0.2)
        verdict = check.observe(seen(number, young))
        if verdict is not RecoveryVerdict.WAIT:
            break
    assert verdict is RecoveryVerdict.NOT_HELPED


@pytest.fixture
def group(check: RecoveryCheck) -> RecoveryCheck:
    """Two processes that are ended as one."""
    other = Target(ProcessKey(5000, 200), "/ci/build-42", (0, 0))
    return RecoveryCheck(replace(check.incident, other_targets=(other,)), 0)


def test_a_group_is_gone_once_all_its_members_are(group: RecoveryCheck) -> None:
    assert group.observe(seen(1, process(ProcessKey(5000, 200), 490))) is RecoveryVerdict.WAIT
    assert group.observe(seen(2)) is RecoveryVerdict.WAIT
    assert group.observe(seen(2.1 + SUCCESSOR_NS / S)) is RecoveryVerdict.HELPED


def test_short_lived_successors_of_a_group_are_measured_by_their_sum(
    group: RecoveryCheck,
) -> None:
    for second in range(1, 5):
        young = [process(ProcessKey(6000 + 10 * second + n, 300), 40, age_s=1) for n in (0, 1)]
        verdict = group.observe(seen(second, *young))
    assert verdict is RecoveryVerdict.HELPED


def test_a_group_whose_successors_are_as_large_has_not_recovered(group: RecoveryCheck) -> None:
    for second in (1, 4, 7):
        verdict = group.observe(seen(second, process(ProcessKey(6000, 300), 490, age_s=1)))
    assert verdict is RecoveryVerdict.NOT_HELPED


def test_a_parent_whose_children_still_hold_memory_has_not_recovered(
    check: RecoveryCheck,
) -> None:
    about = RecoveryCheck(replace(check.incident, descendant_names=frozenset({"worker"})), 0)
    child = process(ProcessKey(5000, 200), 480, comm="worker")
    assert about.observe(seen(1, child)) is RecoveryVerdict.WAIT
    assert about.observe(seen(1.1 + SETTLE_NS / S, child)) is RecoveryVerdict.NOT_HELPED
