"""Did it help: told from snapshots of what came after."""

from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.breaker.recovery_check import (
    SETTLE_NS,
    STEADY_NS,
    SUCCESSOR_NS,
    RecoveryCheck,
    RecoveryVerdict,
    not_relieved,
    relieved,
)
from ebpftrace.act.process.identity import Target
from ebpftrace.counters import Usage
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import ProcessSnapshot, Snapshot
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
    return replace(made, monotonic_ns=round(seconds * S))


@pytest.fixture
def relief() -> RecoveryCheck:

    about = incident(
        Target(OLD, "/ci/build-42", (0, 0)),
        job=watches.identity(),
        held_bytes=500 * MIB,
        job_held_bytes=500 * MIB,
        initial_processes=frozenset({OLD, ProcessKey(5000, 200)}),
    )
    return RecoveryCheck(about, 0)


def test_the_same_process_with_less_memory(relief: RecoveryCheck) -> None:
    assert relief.see(seen(1, process(OLD, 490))) is RecoveryVerdict.WAIT
    assert relief.see(seen(2, process(OLD, 300))) is RecoveryVerdict.HELPED
    assert 190 * MIB < relief.freed_bytes < 210 * MIB
    assert "gopls 4711 lives on with less" in relieved(relief.incident, relief, 2 * S)


def test_the_same_process_with_as_much(relief: RecoveryCheck) -> None:
    assert relief.see(seen(1, process(OLD, 500))) is RecoveryVerdict.WAIT
    assert relief.see(seen(1 + SETTLE_NS / S, process(OLD, 500))) is RecoveryVerdict.NOT_HELPED
    assert relief.freed_bytes == 0


def test_a_successor_that_is_steady(relief: RecoveryCheck) -> None:
    new = ProcessKey(4802, 300)
    assert relief.see(seen(1)) is RecoveryVerdict.WAIT
    assert relief.see(seen(2, process(new, 40, age_s=0.5))) is RecoveryVerdict.WAIT
    assert relief.see(seen(5, process(new, 50, age_s=STEADY_NS / S))) is RecoveryVerdict.HELPED
    told = relieved(relief.incident, relief, 5 * S)
    assert told.endswith(" freed in 5.0s: gopls 4711 is gone, its successor 4802 is steady")


def test_a_successor_that_grew_as_large_at_once(relief: RecoveryCheck) -> None:
    relief.see(seen(1))
    new = process(ProcessKey(4802, 300), 490, age_s=STEADY_NS / S)
    assert relief.see(seen(4, new)) is RecoveryVerdict.NOT_HELPED


def test_no_successor(relief: RecoveryCheck) -> None:
    assert relief.see(seen(1)) is RecoveryVerdict.WAIT
    assert relief.see(seen(1.1 + SUCCESSOR_NS / S)) is RecoveryVerdict.HELPED
    assert "no successor came" in relieved(relief.incident, relief, 11 * S)


def test_without_a_watched_process_the_cgroup_itself_is_read(
    relief: RecoveryCheck, tmp_path: Path
) -> None:
    """The books still have what it held while it was watched; the file is written here."""
    (tmp_path / "memory.stat").write_text(f"total_rss {30 * MIB}\ntotal_shmem {10 * MIB}\n")
    with_limit = replace(relief.incident, cgroup_folder=tmp_path, limit_bytes=1024 * MIB)
    about = RecoveryCheck(with_limit, 0)
    left = watches.job(processes=[process(OLD, 500)])
    idle = replace(left, processes=(), usage=Usage(), state="idle")
    for second in (1, 1.1 + SUCCESSOR_NS / S):
        books = replace(watches.snapshot(idle), monotonic_ns=round(second * S))
        verdict = about.see(books)
    assert verdict is RecoveryVerdict.HELPED
    assert about.freed_bytes == 460 * MIB


def test_one_that_was_there_before_is_no_successor(relief: RecoveryCheck) -> None:
    sibling = process(ProcessKey(5000, 200), 20)
    relief.see(seen(1, sibling))
    assert relief.see(seen(4, sibling)) is RecoveryVerdict.WAIT
    assert relief.successor is None


def test_a_crash_monitor_is_no_successor(relief: RecoveryCheck) -> None:
    monitor = process(ProcessKey(4803, 300), 5, role="telemetry")
    relief.see(seen(1, monitor))
    assert relief.see(seen(4, monitor)) is RecoveryVerdict.WAIT


def test_successors_that_die_one_after_the_other(relief: RecoveryCheck) -> None:
    verdict = RecoveryVerdict.WAIT
    relief.see(seen(1))
    for number in range(2, 40):
        young = process(ProcessKey(4802 + number, 300 + number), 5, age_s=0.2)
        verdict = relief.see(seen(number, young))
        if verdict is not RecoveryVerdict.WAIT:
            break
    assert verdict is RecoveryVerdict.NOT_HELPED
    assert relief.successors > 5


@pytest.fixture
def spread(relief: RecoveryCheck) -> RecoveryCheck:
    """Two are meant as one."""
    other = Target(ProcessKey(5000, 200), "/ci/build-42", (0, 0))
    return RecoveryCheck(replace(relief.incident, other_targets=(other,)), 0)


def test_a_group_is_gone_when_all_of_it_is(spread: RecoveryCheck) -> None:
    assert spread.see(seen(1, process(ProcessKey(5000, 200), 490))) is RecoveryVerdict.WAIT
    assert spread.see(seen(2)) is RecoveryVerdict.WAIT
    assert spread.see(seen(2.1 + SUCCESSOR_NS / S)) is RecoveryVerdict.HELPED
    told = relieved(spread.incident, spread, 12 * S)
    assert told.endswith(" freed in 12s: gopls 4711 and 1 other are gone, no successor came")


def test_short_lived_successors_of_a_group_are_measured_by_their_sum(
    spread: RecoveryCheck,
) -> None:
    for second in range(1, 5):
        young = [process(ProcessKey(6000 + 10 * second + n, 300), 40, age_s=1) for n in (0, 1)]
        verdict = spread.see(seen(second, *young))
    assert verdict is RecoveryVerdict.HELPED
    assert "are gone, those that followed hold less" in relieved(spread.incident, spread, S)


def test_a_group_that_came_back_as_large_did_not_help(spread: RecoveryCheck) -> None:
    for second in (1, 4, 7):
        verdict = spread.see(seen(second, process(ProcessKey(6000, 300), 490, age_s=1)))
    assert verdict is RecoveryVerdict.NOT_HELPED


def test_a_parent_that_is_gone_while_its_children_hold_on_did_not_help(
    relief: RecoveryCheck,
) -> None:
    about = RecoveryCheck(replace(relief.incident, descendant_names=frozenset({"worker"})), 0)
    child = process(ProcessKey(5000, 200), 480, comm="worker")
    assert about.see(seen(1, child)) is RecoveryVerdict.WAIT
    assert about.see(seen(1.1 + SETTLE_NS / S, child)) is RecoveryVerdict.NOT_HELPED


def test_the_words_for_what_did_not_help() -> None:
    told = not_relieved(incident(), acted=True, why="budget spent")
    assert told == "GIVEN UP: nothing helped against gopls 4711: budget spent"
    assert not_relieved(incident(), acted=False, why="") == "gopls 4711: nothing was done"
