"""Many jobs near their limit, some of them hostile: each still has its turn."""

from typing import cast

import pytest

from ebpftrace.counters import CgroupCounters
from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.engine.near_limit import CLOSE_PAUSE_NS, NearLimit
from ebpftrace.events import CgroupRead
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.scripted_ledger import ScriptedLedger, held, identity, key
from tests.support.scripted_probe import ScriptedProbe

LIMIT_MIB = 100


class _NoFiles:
    """Cgroups whose files cannot be read: what tracked processes hold counts."""

    def complete(self, event: CgroupRead) -> CgroupRead:
        return event


class _Stage:
    """Jobs with one process each, which hold 96 of 100 MiB; their numbers are cgroup ids."""

    def __init__(self, jobs: int) -> None:
        self.scripted = ScriptedLedger()
        self.probe = ScriptedProbe()
        self.now_ns = self.scripted.now_ns
        self.near = NearLimit(self.probe, cast(CgroupFiles, _NoFiles()), lambda: self.now_ns)
        for number in range(1, jobs + 1):
            self.scripted.start(number, 1, identity(f"job-{number}", number))
            self.holds(number, 96)

    def holds(self, number: int, mib: float) -> None:
        counters = held(mib)
        charge = round(mib * MIB)
        self.probe.processes[key(number)] = (number, counters)
        self.probe.cgroups[number] = CgroupCounters(
            charge_bytes=charge,
            limit_bytes=LIMIT_MIB * MIB,
            headroom_bytes=LIMIT_MIB * MIB - charge,
            kernel_bytes=0,
        )
        self.scripted.read(number, mib)
        self.scripted.ledger.apply(CgroupRead(self.now_ns, number, self.probe.cgroups[number]))

    def snapshot(self, took_s: float = 0) -> None:
        """As a watch takes it; it takes so long."""
        began_ns = self.now_ns
        snapshot = self.scripted.snapshot()
        self.now_ns += round(took_s * NS_PER_SECOND)
        self.near.follow(snapshot, began_ns)

    def look(self) -> bool:
        """At once when it is due."""
        assert self.near.due_ns is not None
        self.now_ns = max(self.now_ns, self.near.due_ns)
        return self.near.crossed()

    @property
    def looked_at(self) -> list[int]:
        return [cast(int, asked[1]) for asked in self.probe.asked if asked[0] == "read group"]


def test_each_of_many_jobs_has_its_turn_whatever_snapshots_come_between() -> None:
    stage = _Stage(jobs=100)
    for _snapshot in range(7):
        stage.snapshot()
        stage.look()
        stage.look()
    assert len(stage.looked_at) == 7 * 2 * 8  # of each look, whatever there is
    assert set(stage.looked_at) == set(range(1, 101))


def test_a_job_that_crosses_at_each_look_takes_no_turn_of_another() -> None:
    stage = _Stage(jobs=30)
    stage.snapshot()
    for number in range(8):
        stage.holds(1, 98 if number % 2 else 97.2)
        if stage.look():
            stage.holds(1, 96)
            stage.snapshot()
    assert set(stage.looked_at) == set(range(1, 31))


def test_jobs_that_were_just_made_have_their_turn_after_those_that_wait() -> None:
    stage = _Stage(jobs=10)
    stage.snapshot()
    stage.look()
    for number in range(11, 31):
        stage.scripted.start(number, 1, identity(f"job-{number}", number))
        stage.holds(number, 96)
    stage.snapshot()
    stage.look()
    assert {9, 10} < set(stage.looked_at)


@pytest.mark.parametrize("took_s", [0.001, 0.02, 0.4])
def test_a_snapshot_that_comes_anyway_delays_no_look(took_s: float) -> None:
    """It would, for as long as until the next one, on a machine with many jobs."""
    stage = _Stage(jobs=1)
    stage.snapshot(took_s)
    assert stage.near.due_ns == stage.now_ns + CLOSE_PAUSE_NS


def test_a_snapshot_that_a_look_caused_takes_a_tenth_of_the_time_at_most() -> None:
    stage = _Stage(jobs=2)
    stage.snapshot()
    stage.holds(1, 98)
    assert stage.look()
    stage.snapshot(took_s=0.1)
    assert stage.near.due_ns == stage.now_ns + NS_PER_SECOND


def test_the_job_that_caused_a_snapshot_rests_longer_than_the_others() -> None:
    """Else it would spend what there is for all of them by rising and falling."""
    stage = _Stage(jobs=2)
    stage.snapshot()
    stage.holds(1, 98)
    assert stage.look()
    stage.holds(1, 96)
    stage.snapshot(took_s=0.1)
    rested_until_ns = stage.now_ns + 5 * NS_PER_SECOND
    stage.holds(1, 99)
    found = {}
    while not (crossed := stage.look()):
        found[stage.now_ns] = stage.looked_at[-1]
    assert crossed
    assert stage.now_ns >= rested_until_ns
    assert set(found.values()) == {2}


def test_another_job_that_crosses_meanwhile_is_found() -> None:
    stage = _Stage(jobs=2)
    stage.snapshot()
    stage.holds(1, 98)
    assert stage.look()
    stage.snapshot(took_s=0.1)
    stage.holds(2, 99)
    assert stage.look()
    assert stage.looked_at[-1] == 2
