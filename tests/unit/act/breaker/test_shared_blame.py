"""A parent with its descendants, or a group of one name; test_targets.py has the choice."""

from dataclasses import replace

from ebpftrace.act.breaker.shared_blame import (
    MAX_GROUP,
    parent_with_descendants,
    same_name_group,
)
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import ProcessSnapshot
from tests.support import watches

FAR = 1 << 22  # pids from here on are of no running process


def process(number: int, parent: int = 0, comm: str = "worker") -> ProcessSnapshot:
    made = watches.process(FAR + number, comm=comm)
    return replace(made, parent_pid=FAR + parent if parent else 1)


def parts(processes: list[ProcessSnapshot], *values: int) -> dict[ProcessKey, int]:
    return {process.key: value for process, value in zip(processes, values, strict=True)}


def test_the_sum_of_a_parent_includes_its_grandchildren() -> None:
    tree = [process(1, comm="make"), process(2, 1, "sh"), process(3, 2), process(4, 2)]
    found = parent_with_descendants(tree, [tree[0]], parts(tree, 0, 0, 50, 50), 100)
    assert found is not None
    assert found.parent == tree[0]
    assert found.descendant_names == frozenset()  # no other candidate


def test_the_lowest_parent_that_accounts_for_enough_is_found() -> None:
    tree = [process(1, comm="make"), process(2, 1, "sh"), process(3, 2), process(4, 2)]
    found = parent_with_descendants(tree, tree, parts(tree, 0, 0, 50, 50), 100)
    assert found is not None
    assert found.parent == tree[1]
    assert found.descendant_names == {"worker"}


def test_a_negative_part_does_not_reduce_the_sum() -> None:
    tree = [process(1, comm="make"), process(2, 1), process(3, 1)]
    assert parent_with_descendants(tree, tree[:1], parts(tree, 0, 100, -90), 100)


def test_no_parent_accounts_for_enough() -> None:
    tree = [process(1, comm="make"), process(2, 1)]
    assert parent_with_descendants(tree, tree, parts(tree, 0, 99), 100) is None


def test_the_group_with_the_largest_sum_is_found_largest_member_first() -> None:
    members = [process(1), process(2), process(3, comm="other"), process(4, comm="other")]
    found = same_name_group(members, parts(members, 30, 40, 50, 60), 60)
    assert found == (members[3], members[2])


def test_a_member_with_less_than_a_quarter_of_the_largest_is_left_out() -> None:
    members = [process(1), process(2), process(3)]
    found = same_name_group(members, parts(members, 100, 25, 24), 100)
    assert found == (members[0], members[1])


def test_a_group_is_limited_in_size() -> None:
    members = [process(number) for number in range(MAX_GROUP + 10)]
    assert len(same_name_group(members, {it.key: 1 for it in members}, 100)) == MAX_GROUP
