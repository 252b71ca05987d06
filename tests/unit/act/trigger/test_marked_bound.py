"""One bound on one job or process. (Breaches and several marks: test_marks.py.)"""

from dataclasses import replace

from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.act.trigger.marked_bound import MarkedBound, marked_bounds
from ebpftrace.act.trigger.trigger import Trigger
from ebpftrace.counters import ProcessCounters, Usage
from ebpftrace.events import GroupReading
from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import condition, level

S = NS_PER_SECOND


def held(mib: int) -> ProcessCounters:
    return watches.counters(mib * MIB)._replace(usage=Usage(anon_bytes=mib * MIB))


def job(mib: int) -> JobSnapshot:
    made = watches.job(processes=[watches.process(book=held(mib))], limit=None)
    return replace(made, cgroup=made.cgroup._replace(contents=None))


def snapshot(mib: int) -> Snapshot:
    return watches.snapshot(job(mib))._replace(monotonic_ns=0)


def reading(seconds: int, mib: int) -> GroupReading:
    process = watches.process()
    return GroupReading(
        seconds * S, watches.identity().cgroup_id, job(mib).cgroup, mib * MIB,
        {process.key: held(mib)},
    )  # fmt: skip


def bounds(mib: int, *when: Condition) -> list[MarkedBound]:
    trigger = Trigger(Policy("p", Match(), when, Mode.ANY, ()))
    list(trigger.fire(snapshot(mib), ()))
    return list(marked_bounds(trigger, snapshot(mib)))


def test_a_bound_that_is_not_met_moves_its_mark() -> None:
    """The mark is passed, but the job as it was read now holds less."""
    (bound,) = bounds(100, level(300 * MIB))
    assert bound.mark.held_bytes == 300 * MIB
    assert bound.judge(job(250), reading(1, 250), S) is None
    assert not bound.done
    assert bound.mark.held_bytes == 300 * MIB
    assert bound.gained_bytes == 150 * MIB


def test_a_bound_that_is_met_gives_a_finding_and_is_done() -> None:
    (bound,) = bounds(100, level(300 * MIB))
    finding = bound.judge(job(300), reading(1, 300), 1000 * S)
    assert finding is not None
    assert (finding.measured, finding.time_ns) == (300 * MIB, 1000 * S)
    assert bound.done


def test_memory_that_was_freed_since_is_no_negative_gain() -> None:
    (bound,) = bounds(100, level(300 * MIB))
    bound.judge(job(50), reading(1, 50), S)
    assert bound.gained_bytes == 0


def test_a_bound_on_a_process_that_has_ended_is_done() -> None:
    (bound,) = bounds(100, level(300 * MIB, per_process=True))
    assert bound.mark.process == watches.process().key
    assert bound.judge(replace(job(400), processes=()), reading(1, 400), S) is None
    assert bound.done


def test_only_detectors_with_a_distance_in_bytes_are_marked() -> None:
    assert bounds(100, condition("oom"), condition("builtin")) == []
