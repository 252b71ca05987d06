"""Which limit is a cgroup's own, and which it shares."""

import pytest

from ebpftrace.counters import CgroupContents, CgroupCounters, LimitLevel
from ebpftrace.limits import (
    fullest_level,
    own_level,
    shared_levels,
    with_contents_of,
    with_limits,
)
from ebpftrace.units import MIB


def level(above: int, charge: int, limit: int | None, high: int | None = None) -> LimitLevel:
    """MiB; its id is how far above it is."""
    limit_bytes = None if limit is None else limit * MIB
    high_bytes = None if high is None else high * MIB
    return LimitLevel(above, above, charge * MIB, limit_bytes, high_bytes)


def counters(*levels: LimitLevel, charge: int = 150) -> CgroupCounters:
    return with_limits(CgroupCounters(charge_bytes=charge * MIB, levels=levels))


@pytest.mark.parametrize(
    ("levels", "limit", "headroom", "shared"),
    [
        ((), None, None, []),
        ((level(0, 150, 200),), 200, 50, []),
        # A node of 230 MiB with a sibling of 60.
        ((level(0, 150, 200), level(1, 210, 230)), 200, 50, [1]),
        # The same limit above, and nothing beside it.
        ((level(0, 150, 200), level(1, 150, 200)), 200, 50, []),
        # A lower limit above, and nothing beside it.
        ((level(0, 150, 400), level(1, 151, 180)), 180, 29, []),
        # Two nested nodes, both shared.
        ((level(0, 150, 200), level(1, 180, 230), level(3, 480, 500)), 200, 50, [1, 3]),
        # No limit of its own: the nearest that is shared.
        ((level(1, 180, 230), level(2, 480, 500)), 500, 20, [1, 2]),
        ((level(1, 151, 230), level(2, 480, 500)), 230, 79, [2]),
        # A level without a limit, and with a memory.high.
        ((level(0, 150, 200), level(1, 210, None, 230)), 200, 50, []),
    ],
)
def test_limit_and_headroom_are_of_one_level(
    levels: tuple[LimitLevel, ...], limit: int | None, headroom: int | None, shared: list[int]
) -> None:
    found = counters(*levels)
    assert found.limit_bytes == (None if limit is None else limit * MIB)
    assert found.headroom_bytes == (None if headroom is None else headroom * MIB)
    assert [one.cgroup_id for one in shared_levels(found)] == shared
    own = own_level(found)
    assert (own is None) == (limit is None)


@pytest.mark.parametrize(
    ("levels", "high", "charge"),
    [
        ((level(0, 150, None, 160),), 160, None),
        ((level(0, 150, None, 160), level(1, 399, None, 400)), 400, 399),
        ((level(0, 150, None, 160), level(1, 150, None, 170)), 160, None),
        ((level(0, 150, 200),), None, None),
    ],
)
def test_the_nearest_memory_high_counts(
    levels: tuple[LimitLevel, ...], high: int | None, charge: int | None
) -> None:
    found = counters(*levels)
    assert found.high_bytes == (None if high is None else high * MIB)
    assert found.high_charge_bytes == (None if charge is None else charge * MIB)


def test_page_cache_of_a_shared_level_is_room() -> None:
    cached = level(2, 480, 500)._replace(contents=CgroupContents(cache_bytes=300 * MIB))
    assert counters(level(1, 180, 230), cached).limit_bytes == 230 * MIB


def test_a_kill_happens_where_there_is_no_room() -> None:
    found = counters(level(0, 150, 200), level(1, 230, 230), level(2, 400, 500))
    fullest = fullest_level(found)
    assert fullest is not None
    assert fullest.cgroup_id == 1
    assert fullest_level(counters()) is None


def test_contents_of_an_earlier_reading_are_kept() -> None:
    contents = CgroupContents(cache_bytes=300 * MIB)
    before = counters(level(1, 480, 500)._replace(path="/node", contents=contents))
    after = with_contents_of(counters(level(1, 490, 500)), before)
    assert after.levels[0].path == "/node"
    assert after.levels[0].contents == contents
    assert after.levels[0].charge_bytes == 490 * MIB
