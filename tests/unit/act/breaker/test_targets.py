"""Selecting targets: one process, a parent with its descendants, a group, or none."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ebpftrace.act.breaker.targets import TargetSelection, select_targets
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.act.trigger.trigger import Firing, UsageSinceSnapshot
from ebpftrace.counters import Usage
from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import GrowthRates, ProcessSnapshot, ProcessState
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import growth

S = NS_PER_SECOND
FAR = 1 << 22  # pids from here on are of no running process: /proc has no parents for them
POLICY = Policy(
    "p", Match(), (growth(),), Mode.ANY, (Step("signal", S, None),),
)  # fmt: skip


def process(
    number: int, mib: int, parent: int = 0, comm: str = "worker", **changes: Any
) -> ProcessSnapshot:
    """A process that gained all that it holds."""
    held = watches.counters(mib * MIB)
    usage = replace(held.usage, anon_bytes=mib * MIB, file_bytes=0)
    made = watches.process(FAR + number, comm=comm, book=held._replace(usage=usage))
    growth = made.growth._replace(bytes_60s=mib * MIB)
    above = FAR + parent if parent else 1
    made = replace(made, parent_pid=above, growth=growth, age_ns=5 * S)
    return replace(made, **changes)


def selected(
    processes: Sequence[ProcessSnapshot],
    *,
    gained_mib: int | None = None,
    measures_gain: bool = True,
    match: Match | None = None,
    since_snapshot: UsageSinceSnapshot | None = None,
    by_fuse: bool = False,
) -> TargetSelection | str:
    gains = sum(one.growth.bytes_60s for one in processes)
    gained = gains if gained_mib is None else gained_mib * MIB
    job = watches.job(processes=processes, limit=None)
    job = replace(job, growth=job.growth._replace(bytes_60s=gained))
    policy = replace(POLICY, match=match or Match())
    found = watches.finding(measures_gain=measures_gain, subject=Subject(job.identity))
    return select_targets(
        [policy], Firing(policy, (found,), since_snapshot, by_fuse), watches.snapshot(job)
    )


def pids(found: TargetSelection | str) -> list[int]:
    assert isinstance(found, TargetSelection), found
    return [one.pid - FAR for one in (found.process, *found.others)]


WORKERS = [process(number, 20, parent=1) for number in range(11, 19)]


def test_a_process_that_gained_a_third_is_the_target() -> None:
    others = [process(number, 15, parent=1) for number in range(2, 6)]
    found = selected([process(9, 40, parent=1), *others, process(1, 1, comm="make")])
    assert pids(found) == [9]


def test_the_parent_of_many_small_processes_is_the_target_with_its_descendants() -> None:
    found = selected([process(1, 1, comm="make"), *WORKERS])
    assert pids(found) == [1]
    assert isinstance(found, TargetSelection)
    assert found.descendant_names == {"worker"}


def test_the_lowest_parent_is_the_target() -> None:
    shell, make = process(1, 1, comm="sh"), process(2, 1, parent=1, comm="make")
    below = [replace(one, parent_pid=FAR + 2) for one in WORKERS]
    assert pids(selected([shell, make, *below])) == [2]


def test_a_parent_accounts_only_for_its_own_descendants() -> None:
    one, two = process(1, 1, comm="make"), process(2, 1, comm="make")
    mine = [replace(worker, parent_pid=FAR + 2) for worker in WORKERS[:5]]
    assert pids(selected([one, two, *mine, *WORKERS[5:]])) == [2]


def test_a_parent_that_the_policy_does_not_match_is_left_alone() -> None:
    found = selected([process(1, 1, comm="make"), *WORKERS], match=Match(comms=("worker",)))
    assert sorted(pids(found)) == list(range(11, 19))
    assert isinstance(found, TargetSelection)
    assert not found.descendant_names


def test_children_that_the_policy_does_not_match_count_and_are_no_targets() -> None:
    found = selected([process(1, 1, comm="gopls"), *WORKERS], match=Match(comms=("gopls",)))
    assert pids(found) == [1]
    assert isinstance(found, TargetSelection)
    assert not found.descendant_names


def test_neither_ebpftrace_nor_its_ancestor_is_the_target() -> None:
    ourselves = replace(
        process(1, 1, comm="sh"), key=process(1, 1).key._replace(pid=os.getpid())
    )
    below = [replace(one, parent_pid=os.getpid()) for one in WORKERS]
    assert sorted(pids(selected([ourselves, *below]))) == list(range(11, 19))


def test_a_process_with_the_reused_pid_of_a_parent_is_no_parent() -> None:
    late = replace(process(1, 1, comm="make"), key=process(99, 1).key._replace(pid=FAR + 1))
    assert sorted(pids(selected([late, *WORKERS]))) == list(range(11, 19))


def test_a_member_of_a_group_that_gained_little_is_left_alone() -> None:
    idle = [process(number, 2) for number in (21, 22)]
    alone = [replace(one, parent_pid=1) for one in WORKERS]
    assert sorted(pids(selected([*alone, *idle]))) == list(range(11, 19))


def test_a_group_that_gained_less_than_a_third_is_left_alone() -> None:
    alone = [process(number, 4) for number in range(4)]
    stranger = process(9, 100, comm="neighbour")
    found = selected([*alone, stranger], match=Match(comms=("worker",)))
    assert isinstance(found, str)
    assert found.endswith("gained less than a third of the job's growth")


@pytest.mark.parametrize("measures_gain", [True, False], ids=["gained", "held"])
def test_nothing_is_ended_in_place_of_a_larger_process_that_is_never_meant(
    measures_gain: bool,
) -> None:
    """A job that is not the policy's grows, beside a calm one in the same cgroup."""
    calm, larger = process(1, 80), process(2, 120, comm="neighbour")
    match = Match(comms=("worker",))
    found = selected([calm, larger], match=match, measures_gain=measures_gain)
    verb = "gained" if measures_gain else "holds"
    name = f"neighbour {FAR + 2}"
    assert found == f"{name} {verb} more, and the policy does not match it"
    monitor = process(2, 120, role="telemetry")
    assert isinstance(selected([calm, monitor], measures_gain=measures_gain), str)
    growing = replace(larger, recent_growth_bytes=60 * MIB)
    calm = replace(calm, recent_growth_bytes=40 * MIB)
    assert isinstance(selected([calm, growing], match=match, by_fuse=True), str)
    smaller = process(2, 60, comm="neighbour")
    assert pids(selected([calm, smaller], match=match, measures_gain=measures_gain)) == [1]


def test_group_is_ended_only_if_it_accounts_for_more_than_a_process_never_meant() -> None:
    match = Match(comms=("worker",))
    alone = [replace(one, parent_pid=1) for one in WORKERS]  # 160 MiB
    for mib, expected in ((150, 8), (170, 0)):
        found = selected([*alone, process(30, mib, comm="neighbour")], match=match)
        assert (0 if isinstance(found, str) else len(pids(found))) == expected


def test_parent_counts_with_its_descendants_against_a_process_never_meant() -> None:
    match = Match(comms=("gopls",))
    parent, child = process(1, 80, comm="gopls"), process(2, 120, parent=1)
    assert pids(selected([parent, child], match=match)) == [1]
    assert isinstance(selected([parent, replace(child, parent_pid=1)], match=match), str)


def test_short_lived_processes_are_compared_with_their_sum() -> None:
    """They gained all they hold, the job less: they replaced others."""
    found = selected([replace(one, parent_pid=1) for one in WORKERS], gained_mib=40)
    assert len(pids(found)) == 8


def test_held_memory_counts_if_no_gain_was_judged() -> None:
    calm = [replace(one, parent_pid=1, growth=GrowthRates()) for one in WORKERS]
    assert len(pids(selected(calm, measures_gain=False))) == 8


def test_at_a_fuse_the_process_that_grew_last_is_the_target() -> None:
    """One that has been idle since its start gained more in the minute, and stays."""
    idle = process(1, 400)
    running = process(2, 100, recent_growth_bytes=50 * MIB)
    assert pids(selected([idle, running])) == [1]
    assert pids(selected([idle, running], by_fuse=True)) == [2]
    small = process(2, 20, recent_growth_bytes=20 * MIB)  # ending it would make no room
    assert pids(selected([idle, small], by_fuse=True)) == [1]


def test_crash_monitors_and_children_that_only_inherited_are_never_targets() -> None:
    strange = [process(31, 20, role="telemetry"), forked(32, own=0, parent=11)]
    alone = [replace(one, parent_pid=1) for one in WORKERS]
    assert sorted(pids(selected([*alone, *strange]))) == list(range(11, 19))


def forked(number: int, own: int, parent: int, inherited: int = 20) -> ProcessSnapshot:
    """A child that shows so many MiB of its parent's, and gained `own` MiB since."""
    made = process(number, own + inherited, parent=parent, state=ProcessState.FORKED)
    counters = made.counters._replace(inherited=Usage(anon_bytes=inherited * MIB))
    growth = made.growth._replace(bytes_60s=own * MIB)
    return replace(made, counters=counters, growth=growth)


@pytest.mark.parametrize("measures_gain", [True, False], ids=["gained", "held"])
@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        ([process(1, 20), forked(2, 200, 1)], 2),
        ([process(1, 20), forked(2, 0, 1), forked(3, 200, 2)], 3),
        ([process(1, 20), forked(2, 30, 1), forked(3, 200, 1)], 3),
        ([process(1, 20), forked(2, 0, 1), process(3, 200, parent=2)], 3),
        ([process(1, 200), forked(2, 0, 1), forked(3, 5, 1)], 1),
    ],
    ids=["child", "grandchild", "one of two", "executed", "the parent itself"],
)
def test_a_forked_child_counts_by_its_own(
    processes: list[ProcessSnapshot], expected: int, measures_gain: bool
) -> None:
    assert pids(selected(processes, measures_gain=measures_gain)) == [expected]


def test_forked_workers_that_grow_alike_are_ended_with_their_parent() -> None:
    workers = [forked(number, 20, 1) for number in range(2, 10)]
    found = selected([process(1, 20), *workers])
    assert pids(found) == [1]
    assert isinstance(found, TargetSelection)
    assert found.descendant_names == {"worker"}


def test_a_group_is_as_old_as_its_growth() -> None:
    found = selected([replace(one, parent_pid=1) for one in WORKERS])
    assert isinstance(found, TargetSelection)
    assert found.age_ns == 48 * S  # of growth; each process is 5 s old


@pytest.mark.parametrize("count", [1, 3])
def test_the_gain_since_the_snapshot_counts_for_a_single_process_only(count: int) -> None:
    """The kernel side names the process of one page; of several, /proc has each gain.

    These processes do not run, so /proc has none.
    """
    processes = [replace(one, parent_pid=1) for one in WORKERS[:count]]
    held = sum(process.own.held_bytes for process in processes) + 200 * MIB
    since = UsageSinceSnapshot(processes[0].key, 200 * MIB, held)
    found = selected(processes, since_snapshot=since)
    if count == 1:
        assert pids(found) == [11]
    else:
        assert isinstance(found, str)


def test_a_process_is_as_old_as_the_memory_that_its_ancestors_handed_on() -> None:
    found = selected([process(9, 40, memory_older_ns=60 * S)])
    assert isinstance(found, TargetSelection)
    assert found.age_ns >= 65 * S


def test_fuse_ends_monitors_that_hold_more_than_all_else() -> None:
    """They are too large together for crash monitors, and may be idle since."""
    monitors = [process(number, 30, lost_role=True) for number in (11, 12, 13)]
    calm = process(1, 80, comm="calm", recent_growth_bytes=MIB)
    assert pids(selected([calm, *monitors], by_fuse=True)) == [11, 12, 13]
    assert pids(selected([calm, *monitors[:2]], by_fuse=True)) == [1]
