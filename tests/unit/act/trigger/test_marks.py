"""Bounds as marks for the kernel side, and breaches judged on figures read after them."""

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
    return watches.counters(mib * MIB)._replace(usage=Usage(anon_bytes=mib * MIB))


def at(
    seconds: float, mib: int, limit: int | None = None, others: int = 0, cache: int = 0
) -> Snapshot:
    """One process; untracked processes of its cgroup hold `others`. All in MiB."""
    process = watches.process(book=held(mib))
    job = watches.job(processes=[process], limit=limit, cache=cache * MIB)
    return watches.snapshot(
        replace(job, cgroup=read(seconds, mib, limit, others, cache).counters)
    )._replace(
        monotonic_ns=round(seconds * S),
    )


def read(
    seconds: float, mib: int, limit: int | None = None, others: int = 0, cache: int = 0
) -> GroupReading:
    """A reading of the same cgroup at a breach or later. All in MiB."""
    process = watches.process()
    charge = (mib + others + cache) * MIB
    job = watches.job(processes=[process], limit=limit)
    counters = job.cgroup._replace(
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


class MarkRig:
    """The marks of one trigger, their snapshots, and breaches."""

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

    def breach(self, event: Breached, reading: GroupReading) -> tuple[Firing, ...]:
        contents = reading.counters.contents
        return self.marks.firings(event, self.snapshot, reading, contents)

    def after(self, event: Breached) -> list[int]:
        return [mark.held_bytes // MIB for mark in self.marks.after_breach(event)]


def test_a_bound_becomes_a_mark() -> None:
    assert MarkRig(LEVEL).see(at(0, 100)) == [300]
    assert MarkRig(GROWTH).see(at(0, 100)) == [300]
    assert MarkRig(LEVEL, GROWTH).see(at(0, 250)) == [300]
    assert MarkRig(SHARE).see(at(0, 100, limit=GIB, others=300)) == [519]


def test_no_mark_is_set_if_one_crossing_does_not_meet_the_policy() -> None:
    assert MarkRig(LEVEL, for_s=1).see(at(0, 100)) == []
    assert MarkRig(LEVEL, GROWTH, mode=Mode.ALL).see(at(0, 100)) == []
    assert MarkRig(LEVEL).see(at(0, 300)) == []  # met already


def test_a_mark_counts_from_a_snapshot_that_the_history_leaves_out() -> None:
    """The history leaves out samples that are less than a quarter of a second apart."""
    rig = MarkRig(GROWTH)
    rig.see(at(0, 100))
    assert rig.see(at(0.1, 180)) == [300]


def test_a_mark_is_above_the_sum_of_all_jobs_of_a_cgroup() -> None:
    """The kernel side counts a cgroup; the bound is of a job."""
    one = at(0, 100).jobs[0]
    other = replace(one, identity=one.identity._replace(key="other"))
    snapshot = at(0, 100)._replace(jobs=watches.snapshot(one, other).jobs)
    assert MarkRig(LEVEL).see(snapshot) == [400]


def test_a_breach_is_judged_by_the_detector_of_its_condition() -> None:
    rig = MarkRig(GROWTH)
    rig.see(at(5, 100, limit=2 * GIB))
    (firing,) = rig.breach(breach(300), read(53, 301, limit=2 * GIB))
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
    assert rig.after(breach(300)) == []  # it fired; the next snapshot sets it again


def test_a_breach_of_another_mark_is_ignored() -> None:
    rig = MarkRig(LEVEL)
    rig.see(at(0, 100))
    now = read(1, 301)
    assert rig.breach(breach(301)._replace(cgroup_id=1), now) == ()
    assert rig.breach(breach(301, group=False), now) == ()
    assert rig.breach(breach(299), now) == ()
    assert len(rig.breach(breach(301), now)) == 1


def test_memory_that_others_freed_since_is_room_again() -> None:
    """A linker in the same cgroup ended: the mark is passed, but the bound is not met."""
    rig = MarkRig(SHARE)
    assert rig.see(at(0, 300, limit=GIB, others=400)) == [419]
    assert rig.breach(breach(420), read(0.4, 420, limit=GIB)) == ()
    assert rig.after(breach(420)) == [819]
    (firing,) = rig.breach(breach(820), read(0.8, 820, limit=GIB))
    assert firing.finding.measured == pytest.approx(820 / 1024)
    assert "holds 820 MiB, 80% of the limit of 1 GiB taken" in firing.finding.sentence
    assert firing.since_snapshot is not None
    assert firing.since_snapshot.job_held_bytes == 820 * MIB  # not 400 MiB more


def test_memory_that_others_gained_since_is_no_room() -> None:
    rig = MarkRig(SHARE)
    rig.see(at(0, 300, limit=GIB))
    (firing,) = rig.breach(breach(820), read(0.4, 820, limit=GIB, others=100))
    assert firing.finding.measured == pytest.approx(920 / 1024)


def test_cache_that_grew_since_is_room() -> None:
    rig = MarkRig(SHARE)
    rig.see(at(0, 300, limit=GIB))
    assert rig.breach(breach(820), read(0.4, 700, limit=GIB, cache=324)) == ()


def test_a_lag_of_memory_stat_does_not_hide_a_met_bound() -> None:
    """It lags by some batches of pages a CPU; the kernel side counted to the page."""
    rig = MarkRig(LEVEL)
    rig.see(at(0, 100, limit=GIB))
    now = read(0.4, 300, limit=GIB)
    behind = CgroupContents(300 * MIB - 200 * 1024, 0, 0)
    (firing,) = rig.marks.firings(breach(300), rig.snapshot, now, behind)
    assert firing.finding.measured == 300 * MIB


def test_a_slow_climb_is_no_growth_in_a_short_window() -> None:
    """8 MiB/s, bound 32 MiB in 1 s, ten seconds after the last snapshot."""
    rig = MarkRig(SHORT)
    rig.see(at(0, 100))
    (mark,) = rig.see(at(10, 100))
    for seconds in range(14, 40, 4):
        mib = 100 + 8 * (seconds - 10)
        assert mark == mib
        assert rig.breach(breach(mib), read(seconds, mib)) == ()
        (mark,) = rig.after(breach(mib))


def test_a_burst_is_growth_over_a_floor_read_at_an_earlier_breach() -> None:
    rig = MarkRig(SHORT)
    rig.see(at(0, 100))
    assert rig.breach(breach(132), read(8, 132)) == ()
    assert rig.after(breach(132)) == [164]
    (firing,) = rig.breach(breach(164), read(8.1, 165))
    assert firing.finding.measured == 33 * MIB
    assert firing.finding.since_ns == 8 * S


def test_the_next_higher_mark_is_set_after_the_lowest() -> None:
    """The kernel side watches one mark at a time."""
    rig = MarkRig(LEVEL, level(400 * MIB))
    assert rig.see(at(0, 100)) == [300]
    assert len(rig.breach(breach(300), read(0.4, 300))) == 1
    assert rig.after(breach(300)) == [400]
    assert len(rig.breach(breach(400), read(0.5, 400))) == 1
    assert rig.after(breach(400)) == []


def test_a_bound_on_a_process_has_a_mark_of_its_own() -> None:
    rig = MarkRig(replace(LEVEL, per_process=True))
    assert rig.see(at(0, 100)) == [300]
    gone = read(0.4, 300)._replace(processes={})
    assert rig.breach(breach(300, group=False), gone) == ()
    assert rig.after(breach(300, group=False)) == []
    rig.see(at(0.2, 100))
    (firing,) = rig.breach(breach(300, group=False), read(0.4, 300))
    assert firing.finding.subject.process == watches.process().key


def test_a_share_of_a_removed_limit_is_no_bound() -> None:
    rig = MarkRig(SHARE)
    rig.see(at(0, 300, limit=GIB))
    assert rig.breach(breach(820), read(0.4, 820)) == ()
    assert rig.after(breach(820)) == []


def test_the_nearest_bounds_have_their_first_mark_half_way() -> None:
    triggers, marks = [Trigger(policy(LEVEL))], Marks(halved=1)
    near = watches.identity()._replace(key="/ci/near", cgroup_id=7)
    far, close = at(0, 100).jobs[0], at(0, 200).jobs[0]
    snapshot = at(0, 100)._replace(jobs=(far, replace(close, identity=near)))
    for trigger in triggers:
        list(trigger.fire(snapshot, ()))
    held = {mark.cgroup_id: mark.held_bytes for mark in marks.for_snapshot(triggers, snapshot)}
    assert held == {far.identity.cgroup_id: 300 * MIB, 7: 250 * MIB}
