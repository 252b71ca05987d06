"""Bounds as marks for the kernel, and what a breach means by the figures of after it."""

from dataclasses import replace
from typing import Any

import pytest

from ebpftrace.act.policy.policy import Condition, Match, Mode, Policy
from ebpftrace.act.trigger.marks import Marks
from ebpftrace.act.trigger.trigger import Firing, Trigger
from ebpftrace.counters import CgroupContents, ProcessCounters, Usage
from ebpftrace.events import Breached, GroupReading
from ebpftrace.ledger import Snapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import growth, level

S = NS_PER_SECOND
LEVEL = level(300 * MIB)
GROWTH = growth(200 * MIB, window_ns=60 * S)
SHORT = growth(32 * MIB, window_ns=1 * S)
SHARE = level(0.8, share=True)


def policy(*when: Condition, mode: Mode = Mode.ANY, for_s: int = 0) -> Policy:
    return Policy("p", Match(), when, mode, (), for_ns=for_s * S)


def held(mib: int) -> ProcessCounters:
    return replace(watches.counters(mib * MIB), usage=Usage(anon_bytes=mib * MIB))


def at(
    seconds: float, mib: int, limit: int | None = None, others: int = 0, cache: int = 0
) -> Snapshot:
    """One process; `others` hold so much in its cgroup and are not tracked."""
    process = watches.process(book=held(mib))
    job = watches.job(processes=[process], limit=limit, cache=cache * MIB)
    return replace(
        watches.snapshot(
            replace(job, cgroup=read(seconds, mib, limit, others, cache).counters)
        ),
        monotonic_ns=round(seconds * S),
    )


def read(
    seconds: float, mib: int, limit: int | None = None, others: int = 0, cache: int = 0
) -> GroupReading:
    """What the same cgroup holds at a breach, or somewhat later."""
    process = watches.process()
    charge = (mib + others + cache) * MIB
    job = watches.job(processes=[process], limit=limit)
    counters = replace(
        job.cgroup,
        charge_bytes=charge,
        headroom_bytes=None if limit is None else limit - charge,
        contents=CgroupContents((mib + others) * MIB, 0, cache * MIB),
    )
    return GroupReading(
        round(seconds * S), watches.identity().cgroup_id, counters, mib * MIB,
        {process.key: held(mib)},
    )  # fmt: skip


def breach(mib: int, *, group: bool = True) -> Breached:
    key, cgroup = watches.process().key, watches.identity().cgroup_id
    return Breached(0, key, cgroup, mib * MIB, group)


class Kernel:
    """Marks and the snapshots that they are made of, with a breach at every mark."""

    def __init__(self, *when: Condition, **changes: Any) -> None:
        self.trigger = Trigger(policy(*when, **changes))
        self.marks = Marks()

    def see(self, snapshot: Snapshot) -> list[int]:
        """The marks of the next snapshot, in MiB."""
        list(self.trigger.fire(snapshot, ()))
        self.snapshot = snapshot
        return [
            one.held_bytes // MIB for one in self.marks.for_snapshot([self.trigger], snapshot)
        ]

    def tell(self, event: Breached, reading: GroupReading) -> tuple[Firing, ...]:
        contents = reading.counters.contents
        return self.marks.firings(event, self.snapshot, reading, contents)

    def anew(self, event: Breached) -> list[int]:
        return [one.held_bytes // MIB for one in self.marks.after_breach(event)]


def test_a_bound_becomes_a_mark_for_the_kernel() -> None:
    assert Kernel(LEVEL).see(at(0, 100)) == [300]
    assert Kernel(GROWTH).see(at(0, 100)) == [300]
    assert Kernel(LEVEL, GROWTH).see(at(0, 250)) == [300]
    assert Kernel(SHARE).see(at(0, 100, limit=GIB, others=300)) == [519]


def test_no_mark_where_one_crossing_is_not_the_whole_condition() -> None:
    assert Kernel(LEVEL, for_s=1).see(at(0, 100)) == []
    assert Kernel(LEVEL, GROWTH, mode=Mode.ALL).see(at(0, 100)) == []
    assert Kernel(LEVEL).see(at(0, 300)) == []  # passed already


def test_a_mark_is_no_higher_for_readings_that_come_close_together() -> None:
    """The history leaves out samples of less than a quarter of a second; a mark must not."""
    kernel = Kernel(GROWTH)
    kernel.see(at(0, 100))
    assert kernel.see(at(0.1, 180)) == [300]


def test_a_mark_is_above_what_all_jobs_of_a_cgroup_hold() -> None:
    """The kernel's sum is the cgroup's, the bound a job's."""
    one = at(0, 100).jobs[0]
    other = replace(one, identity=replace(one.identity, key="other"))
    snapshot = replace(at(0, 100), jobs=watches.snapshot(one, other).jobs)
    assert Kernel(LEVEL).see(snapshot) == [400]


def test_a_breach_says_what_the_detector_would_say() -> None:
    kernel = Kernel(GROWTH)
    kernel.see(at(5, 100, limit=2 * GIB))
    (firing,) = kernel.tell(breach(300), read(53, 301, limit=2 * GIB))
    finding = firing.finding
    assert finding.sentence == (
        "gopls 4711 in job github/build-42 gained 201 MiB in 48 s (bound 200 MiB in 60 s), "
        "anon only"
    )
    assert finding.measured == 201 * MIB
    assert finding.seconds_to_limit is None  # one snapshot shows no climb
    assert (finding.since_ns, finding.monotonic_ns) == (5 * S, 53 * S)
    assert firing.since_snapshot is not None
    assert firing.since_snapshot.gained_bytes == 201 * MIB
    assert firing.since_snapshot.job_held_bytes == 301 * MIB
    assert kernel.anew(breach(300)) == []  # it was told; the next snapshot sets it again


def test_a_breach_of_others_is_none_of_its_own() -> None:
    kernel = Kernel(LEVEL)
    kernel.see(at(0, 100))
    now = read(1, 301)
    assert kernel.tell(replace(breach(301), cgroup_id=1), now) == ()
    assert kernel.tell(breach(301, group=False), now) == ()
    assert kernel.tell(breach(299), now) == ()
    assert len(kernel.tell(breach(301), now)) == 1


def test_what_others_gave_back_since_is_room_again() -> None:
    """A linker ended beside it: the mark is passed, and the bound is far."""
    kernel = Kernel(SHARE)
    assert kernel.see(at(0, 300, limit=GIB, others=400)) == [419]
    assert kernel.tell(breach(420), read(0.4, 420, limit=GIB)) == ()
    assert kernel.anew(breach(420)) == [819]
    (firing,) = kernel.tell(breach(820), read(0.8, 820, limit=GIB))
    assert firing.finding.measured == pytest.approx(820 / 1024)
    assert "holds 820 MiB, 80% of the limit of 1 GiB taken" in firing.finding.sentence
    assert firing.since_snapshot is not None
    assert firing.since_snapshot.job_held_bytes == 820 * MIB  # not 400 MiB more


def test_what_others_took_since_is_no_room() -> None:
    kernel = Kernel(SHARE)
    kernel.see(at(0, 300, limit=GIB))
    (firing,) = kernel.tell(breach(820), read(0.4, 820, limit=GIB, others=100))
    assert firing.finding.measured == pytest.approx(920 / 1024)


def test_cache_is_room_also_where_it_grew_since() -> None:
    kernel = Kernel(SHARE)
    kernel.see(at(0, 300, limit=GIB))
    assert kernel.tell(breach(820), read(0.4, 700, limit=GIB, cache=324)) == ()


def test_memory_stat_may_be_a_little_behind_the_pages() -> None:
    """By some batches of pages a CPU: who crossed the bound by a page has crossed it."""
    kernel = Kernel(LEVEL)
    kernel.see(at(0, 100, limit=GIB))
    now = read(0.4, 300, limit=GIB)
    behind = CgroupContents(300 * MIB - 200 * 1024, 0, 0)
    (firing,) = kernel.marks.firings(breach(300), kernel.snapshot, now, behind)
    assert firing.finding.measured == 300 * MIB


def test_a_slow_climb_is_no_growth_in_a_short_window() -> None:
    """8 MiB/s, bound 32 MiB in 1 s, and nobody looked for ten seconds."""
    kernel = Kernel(SHORT)
    kernel.see(at(0, 100))
    (mark,) = kernel.see(at(10, 100))
    for seconds in range(14, 40, 4):
        mib = 100 + 8 * (seconds - 10)
        assert mark == mib
        assert kernel.tell(breach(mib), read(seconds, mib)) == ()
        (mark,) = kernel.anew(breach(mib))


def test_a_burst_is_growth_though_its_floor_is_known_by_a_breach_alone() -> None:
    kernel = Kernel(SHORT)
    kernel.see(at(0, 100))
    assert kernel.tell(breach(132), read(8, 132)) == ()
    assert kernel.anew(breach(132)) == [164]
    (firing,) = kernel.tell(breach(164), read(8.1, 165))
    assert firing.finding.measured == 33 * MIB
    assert firing.finding.since_ns == 8 * S


def test_a_mark_that_was_not_the_lowest_is_set_after_it() -> None:
    """Two bounds of one policy, or of two: the kernel watches one mark at a time."""
    kernel = Kernel(LEVEL, level(400 * MIB))
    assert kernel.see(at(0, 100)) == [300]
    assert len(kernel.tell(breach(300), read(0.4, 300))) == 1
    assert kernel.anew(breach(300)) == [400]
    assert len(kernel.tell(breach(400), read(0.5, 400))) == 1
    assert kernel.anew(breach(400)) == []


def test_one_process_has_a_mark_of_its_own() -> None:
    kernel = Kernel(replace(LEVEL, per_process=True))
    assert kernel.see(at(0, 100)) == [300]
    gone = replace(read(0.4, 300), processes={})
    assert kernel.tell(breach(300, group=False), gone) == ()
    assert kernel.anew(breach(300, group=False)) == []
    kernel.see(at(0.2, 100))
    (firing,) = kernel.tell(breach(300, group=False), read(0.4, 300))
    assert firing.finding.subject.process == watches.process().key


def test_a_limit_that_was_taken_away_is_no_bound() -> None:
    kernel = Kernel(SHARE)
    kernel.see(at(0, 300, limit=GIB))
    assert kernel.tell(breach(820), read(0.4, 820)) == ()
    assert kernel.anew(breach(820)) == []
