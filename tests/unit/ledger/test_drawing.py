"""What does not change is drawn once, and the figures are as if it was drawn each time."""

import random

import pytest

from ebpftrace.counters import LimitLevel
from ebpftrace.ledger import JobSnapshot
from ebpftrace.limits import with_limits
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.aging import as_of
from tests.support.scripted_ledger import ScriptedLedger, held, identity, key

JOBS = [identity(name, cgroup_id) for cgroup_id in (7, 8) for name in ("a", "b")]


def wake(book: ScriptedLedger) -> None:
    """Have everything sampled and drawn at the next snapshot."""
    for job in book.ledger._jobs:
        job.is_stale = True
        for process in job.processes.values():
            process.wakes_ns = 0


class Twins:
    """Two ledgers with the same events, of which one draws everything each time."""

    def __init__(self) -> None:
        self.resting, self.awake = ScriptedLedger(), ScriptedLedger()
        self.drawn = 0

    def tell(self, name: str, *args: object, **more: object) -> None:
        for book in (self.resting, self.awake):
            getattr(book, name)(*args, **more)

    def wait(self, seconds: float) -> None:
        for book in (self.resting, self.awake):
            book.at += seconds

    def look(self) -> None:
        """A snapshot of both."""
        before = {id(job) for job in self._last}
        self._last = self.resting.snapshot().jobs
        self.drawn += sum(id(job) not in before for job in self._last)
        wake(self.awake)
        expected = self.awake.snapshot()
        got = expected._replace(jobs=self._last)
        assert as_of(got) == as_of(expected)

    _last: tuple[JobSnapshot, ...] = ()


def limited(charge: int) -> dict[str, object]:
    levels = (LimitLevel(7, 0, charge, 600 * MIB), LimitLevel(99, 1, 2 * charge, 900 * MIB))
    return {"charge_bytes": charge, "levels": levels}


@pytest.mark.parametrize("seed", range(10))
def test_snapshots_are_as_if_all_was_drawn_each_time(seed: int) -> None:
    choose = random.Random(seed)
    twins = Twins()
    for pid in range(1, 7):
        twins.tell("start", pid, choose.choice((0, 5, 40)), choose.choice(JOBS))
    alive = set(range(1, 7))
    for _ in range(120):
        match choose.randrange(12):
            case 0 | 1:
                size = choose.choice((0, 1, 4.5, 5, 40, 41, 60, 200))
                twins.tell("read", choose.choice((*alive, 99)), size)
            case 2:  # a climb, in steps
                pid, begin = choose.choice((*alive, 99)), choose.randrange(100)
                for step in range(choose.randrange(1, 30)):
                    twins.tell("read", pid, begin + 3 * step)
                    twins.wait(1)
                    twins.look()
            case 3:  # a sawtooth over a floor that rises
                pid, floor = choose.choice((*alive, 99)), choose.randrange(50)
                for step in range(choose.randrange(1, 40)):
                    twins.tell("read", pid, floor + step / 2 + 20 * (step % 7))
                    twins.wait(1)
                    twins.look()
            case 4:
                twins.tell("cgroup", 7, **limited(choose.choice((50, 300, 500)) * MIB))
            case 5:
                twins.tell("cgroup", 8, charge_bytes=choose.choice((50, 60)) * MIB)
            case 6:
                pid = choose.randrange(1, 9)
                twins.tell("start", pid, 10, choose.choice(JOBS))
                alive.add(pid)
            case 7:
                pid = choose.choice((*alive, 99))
                counters = held(30, inherited=choose.choice((0, 20)))
                twins.tell("read", pid, counters=counters)
            case 8:
                pid = choose.choice((*alive, 99))
                twins.tell("exit", pid)
                alive.discard(pid)
            case 9:
                twins.tell("rename", choose.choice((*alive, 99)), choose.choice(("x", "y")))
            case 10:
                twins.tell("move", choose.choice((*alive, 99)), choose.choice(JOBS))
        for _ in range(choose.choice((1, 1, 2, 5, 15, 70))):
            twins.wait(choose.choice((0.3, 1, 1, 1)))
            twins.look()


def test_most_of_a_ledger_at_rest_is_drawn_once() -> None:
    twins = Twins()
    for number in range(20):
        twins.tell("start", 100 + number, 50, identity(str(number), number))
    for _ in range(200):
        twins.wait(1)
        twins.look()
    assert twins.drawn <= 3 * 20


def test_job_at_rest_is_the_same_object() -> None:
    book = ScriptedLedger()
    book.start(1, 50)
    book.start(2, 60, identity("other", 8))
    for _ in range(3):
        book.at += 1
        before = book.snapshot()
    book.at += 1
    after = book.snapshot()
    assert after.jobs is before.jobs
    assert after.jobs[0] is before.jobs[0]
    assert after.jobs[0].age_at(after.monotonic_ns) == 4 * NS_PER_SECOND


def test_only_what_changed_is_another_object() -> None:
    book = ScriptedLedger()
    for pid in (1, 2, 3):
        book.start(pid, 50 + pid, identity("shared"))
    book.start(4, 10, identity("other", 8))
    for _ in range(3):
        book.at += 1
        before = book.snapshot()
    book.read(2, 70)
    book.at += 1
    after = book.snapshot()
    assert after.jobs[1] is before.jobs[1]
    assert after.jobs[0] is not before.jobs[0]
    was = {one.key: one for one in before.jobs[0].processes}
    now = {one.key: one for one in after.jobs[0].processes}
    assert [one.pid for one in after.jobs[0].processes] == [2, 3, 1]
    assert now[key(1)] is was[key(1)]
    assert now[key(3)] is was[key(3)]
    assert now[key(2)].own.anon_bytes == 70 * MIB


def test_growth_leaves_its_windows_while_the_job_rests() -> None:
    book = ScriptedLedger()
    book.start(1, 50)
    book.at += 1
    book.snapshot()
    book.read(1, 70)
    for second in range(2, 70):
        book.at += 1
        (job,) = book.snapshot().jobs
        grown = 20 * MIB
        assert job.growth.bytes_10s == (grown if second < 12 else 0), second
        assert job.growth.bytes_60s == (grown if second < 62 else 0), second
        assert job.growth.bytes_total == grown
        assert job.processes[0].growth == job.growth


def test_limit_of_another_cgroup_is_kept_apart() -> None:
    book = ScriptedLedger()
    book.start(1, 50, identity("a", 7))
    book.start(2, 50, identity("b", 8))
    book.cgroup(7, **vars_of(with_limits_of(500 * MIB)))
    for _ in range(3):
        book.at += 1
        before = book.snapshot()
    book.cgroup(7, **vars_of(with_limits_of(400 * MIB)))
    book.at += 1
    after = {job.identity.name: job for job in book.snapshot().jobs}
    was = {job.identity.name: job for job in before.jobs}
    assert after["b"] is was["b"]
    assert after["a"].cgroup.limit_bytes == 400 * MIB


def with_limits_of(limit: int) -> dict[str, object]:
    return {"charge_bytes": 60 * MIB, "levels": (LimitLevel(7, 0, 60 * MIB, limit),)}


def vars_of(counters: dict[str, object]) -> dict[str, object]:
    from ebpftrace.counters import CgroupCounters

    made = with_limits(CgroupCounters(**counters))  # type: ignore[arg-type]
    return {
        name: getattr(made, name)
        for name in ("charge_bytes", "limit_bytes", "headroom_bytes", "levels")
    }
