"""Files of cgroups of which nothing was reported: which are read anew, and when."""

from typing import Any, cast

import pytest

from ebpftrace.counters import CgroupContents, CgroupCounters, CgroupPressure, LimitLevel
from ebpftrace.engine.cgroups.unchanged import TURN_NS, UnchangedCgroups
from ebpftrace.events import CgroupRead
from ebpftrace.limits import with_limits
from ebpftrace.units import MIB, NS_PER_SECOND

SECOND = NS_PER_SECOND


class Files:
    """`complete` adds the contents of a cgroup, by its id."""

    def __init__(self) -> None:
        self.contents: dict[int, CgroupContents] = {}
        self.pressure: CgroupPressure | None = None

    def complete(self, event: CgroupRead) -> CgroupRead:
        contents = self.contents.get(event.cgroup_id)
        added = event.counters._replace(contents=contents, pressure=self.pressure)
        return event._replace(counters=with_limits(added))


class Stage:
    def __init__(self) -> None:
        self.files = Files()
        self.live = set(range(1000))
        self.cgroups = UnchangedCgroups(cast(Any, self.files), self.live.__contains__)

    def read(self, counters: CgroupCounters, cgroup_id: int = 1, second: int = 0) -> CgroupRead:
        return self.cgroups.complete(CgroupRead(second * SECOND, cgroup_id, counters))

    def due(self, second: int) -> list[int]:
        """Those that are read anew, as the dispatcher does it."""
        events = self.cgroups.due(second * SECOND)
        for event in events:
            self.cgroups.complete(event)
        return [event.cgroup_id for event in events]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def limited(limit: int, charge: int) -> CgroupCounters:
    level = LimitLevel(1, 0, charge, limit)
    return CgroupCounters(charge_bytes=charge, kernel_bytes=0, levels=(level,))


def test_all_have_their_turn_within_a_minute(stage: Stage) -> None:
    for number in range(100):
        stage.read(CgroupCounters(charge_bytes=MIB), number)
    seen: list[int] = []
    for second in range(TURN_NS // SECOND + 1):
        turn = stage.due(second)
        assert len(turn) <= 2  # spread
        seen += turn
    assert set(seen) == set(range(100))


def test_reading_has_the_time_of_the_turn(stage: Stage) -> None:
    stage.read(CgroupCounters(charge_bytes=MIB))
    stage.cgroups.due(0)
    (event,) = stage.cgroups.due(TURN_NS)
    assert event == CgroupRead(TURN_NS, 1, CgroupCounters(charge_bytes=MIB))


def test_cgroup_that_was_just_read_is_not_read_twice(stage: Stage) -> None:
    stage.files.contents[1] = CgroupContents(anon_bytes=90 * MIB)
    stage.read(limited(100 * MIB, 90 * MIB), second=5)
    assert stage.due(5) == []


@pytest.mark.parametrize(
    "counters",
    [
        limited(100 * MIB, 60 * MIB),
        limited(100 * MIB, 20 * MIB)._replace(stuck=True),
        with_limits(
            CgroupCounters(
                charge_bytes=60 * MIB,
                levels=(LimitLevel(1, 0, 60 * MIB, None, 100 * MIB),),
            )
        ),
    ],
    ids=["limit", "stuck", "high"],
)
def test_cgroup_near_a_bound_is_read_each_time(stage: Stage, counters: CgroupCounters) -> None:
    stage.files.contents[1] = CgroupContents(anon_bytes=60 * MIB)
    stage.read(counters)
    assert [stage.due(second) for second in range(1, 4)] == [[1]] * 3


def test_page_cache_at_the_limit_is_not_near(stage: Stage) -> None:
    stage.files.contents[1] = CgroupContents(anon_bytes=MIB, cache_bytes=98 * MIB)
    stage.read(limited(100 * MIB, 100 * MIB))
    assert [stage.due(second) for second in range(1, 3)] == [[], [1]]  # its turn only
    stage.files.contents[1] = CgroupContents(anon_bytes=97 * MIB, cache_bytes=2 * MIB)
    stage.read(limited(100 * MIB, 100 * MIB), second=3)
    assert stage.due(4) == [1]


def test_pressure_that_has_not_faded_is_read_each_time(stage: Stage) -> None:
    stage.files.pressure = CgroupPressure(0, 7, 0, 0.01, 0.0)
    stage.read(CgroupCounters(charge_bytes=MIB))
    assert stage.due(1) == stage.due(2) == [1]
    stage.files.pressure = CgroupPressure(0, 7, 0, 0.0, 0.0)
    assert stage.due(3) == [1]
    for number in range(2, 200):
        stage.read(CgroupCounters(charge_bytes=MIB), number, second=3)
    assert 1 not in stage.due(4)[1:]


def test_cgroup_without_a_process_is_forgotten(stage: Stage) -> None:
    stage.files.contents[1] = CgroupContents(anon_bytes=90 * MIB)
    stage.read(limited(100 * MIB, 90 * MIB))
    stage.live.clear()
    assert stage.due(1) == []
    assert len(stage.cgroups) == 0


def test_removed_cgroup_is_forgotten(stage: Stage) -> None:
    stage.read(CgroupCounters(charge_bytes=MIB))
    stage.cgroups.forget(1)
    stage.cgroups.forget(1)
    assert stage.due(1) == []
    assert len(stage.cgroups) == 0
