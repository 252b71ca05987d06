"""Processes that are asked about again: each user has a share of the room."""

from ebpftrace.engine.programs.undecided import MOST, MOST_OF_OWNER, UndecidedProcesses
from ebpftrace.events import ProcessKey, ProcessMoved, ProcessStarted, StartCause


def started(pid: int) -> ProcessStarted:
    return ProcessStarted(5, ProcessKey(pid, 1), 1, StartCause.EXEC, "sleep", 1)


def owned() -> UndecidedProcesses:
    return UndecidedProcesses(lambda pid: pid // 1000)


def test_all_are_taken_in_their_order_and_once() -> None:
    undecided = owned()
    for pid in (3, 1, 2):
        assert undecided.add(started(pid))
    assert ProcessKey(1, 1) in undecided
    assert [event.key.pid for event in undecided.take()] == [3, 1, 2]
    assert undecided.take() == []


def test_process_that_ended_is_not_asked_about() -> None:
    undecided = owned()
    undecided.add(started(1))
    assert undecided.forget(ProcessKey(1, 1))
    assert not undecided.forget(ProcessKey(1, 1))
    assert undecided.take() == []


def test_process_that_moved_is_asked_about_where_it_is() -> None:
    undecided = owned()
    undecided.add(started(1))
    undecided.move(ProcessMoved(6, ProcessKey(1, 1), 8))
    undecided.move(ProcessMoved(6, ProcessKey(2, 1), 8))
    assert undecided.take() == [started(1)._replace(cgroup_id=8)]


def test_user_has_a_share_and_all_together_a_bound() -> None:
    undecided = owned()
    assert [undecided.add(started(pid)) for pid in range(MOST_OF_OWNER + 1)].count(False) == 1
    assert undecided.add(started(1000))
    for owner in range(2, 100):
        for pid in range(MOST_OF_OWNER):
            undecided.add(started(owner * 1000 + pid))
    assert len(undecided) == MOST
    undecided.take()
    assert all(undecided.add(started(pid)) for pid in range(MOST_OF_OWNER))
    undecided.forget(ProcessKey(0, 1))
    assert undecided.add(started(999))


def test_numbers_that_nothing_lists_have_two_shares_beside_each_other() -> None:
    undecided = UndecidedProcesses(lambda pid: 1_200_000 + pid)
    asked = [undecided.add(started(pid)) for pid in range(2 * MOST_OF_OWNER + 1)]
    assert asked == [True] * 2 * MOST_OF_OWNER + [False]
    undecided.forget(ProcessKey(0, 1))
    assert undecided.add(started(5000))
    assert undecided.add(started(500_000))
    undecided.take()
    assert undecided.add(started(0))
