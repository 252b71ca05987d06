"""What counts as held, and what as room."""

import pytest

from ebpftrace.counters import CgroupContents, CgroupCounters, Usage
from ebpftrace.ledger.held import charged_usage, held_bytes, kernel_bytes, room_bytes

USAGE = Usage(anon_bytes=10, file_bytes=500, shmem_bytes=3, swap_bytes=2)
CONTENTS = CgroupContents(anon_bytes=40, shmem_bytes=5, cache_bytes=700)


@pytest.mark.parametrize(
    ("limit", "alone", "held"), [(1000, True, 47), (None, True, 15), (1000, False, 15)]
)
def test_the_whole_cgroup_counts_where_it_is_the_jobs_alone(
    limit: int | None, alone: bool, held: int
) -> None:
    cgroup = CgroupCounters(limit_bytes=limit, contents=CONTENTS)
    assert held_bytes(cgroup, USAGE, alone=alone) == held


def test_without_contents_the_processes_count() -> None:
    assert held_bytes(CgroupCounters(limit_bytes=1000), USAGE, alone=True) == 15


@pytest.mark.parametrize(("charged", "expected"), [(60, 60), (0, 0), (400, 360), (None, 360)])
def test_shared_memory_counts_as_often_as_the_cgroup_is_charged(
    charged: int | None, expected: int
) -> None:
    """Six processes have mapped one file of 60, or one that another cgroup pays for."""
    contents = None if charged is None else CgroupContents(shmem_bytes=charged)
    usage = Usage(anon_bytes=10, shmem_bytes=360)
    cgroup = CgroupCounters(contents=contents)
    assert charged_usage(cgroup, usage) == Usage(anon_bytes=10, shmem_bytes=expected)
    for alone in (True, False):  # without a limit, and with other jobs in the cgroup
        assert held_bytes(cgroup, usage, alone=alone) == 10 + expected


def test_page_cache_is_room() -> None:
    counters = CgroupCounters(charge_bytes=900, headroom_bytes=100, contents=CONTENTS)
    assert room_bytes(counters, USAGE) == 800
    assert room_bytes(CgroupCounters(), USAGE) is None


@pytest.mark.parametrize(("cache", "room"), [(700, 800), (600, 700), (500, 699), (0, 699)])
def test_cache_that_was_dropped_between_two_readings_is_room(cache: int, room: int) -> None:
    """The charge of 900 was read first; 45 are held, and a quarter may be the kernel's."""
    contents = CgroupContents(anon_bytes=40, shmem_bytes=5, cache_bytes=cache)
    counters = CgroupCounters(
        charge_bytes=900, headroom_bytes=124, limit_bytes=1024, contents=contents
    )
    assert room_bytes(counters, USAGE) == room + 24


def test_without_contents_what_the_processes_do_not_hold_is_room() -> None:
    counters = CgroupCounters(charge_bytes=900, headroom_bytes=100)
    assert room_bytes(counters, USAGE) == 100 + 900 - 13  # swap is not in the charge
    assert room_bytes(counters, Usage(anon_bytes=2000)) == 100


KERNEL_ON_V1 = CgroupCounters(
    charge_bytes=945, headroom_bytes=55, limit_bytes=1000, kernel_bytes=600,
    contents=CgroupContents(anon_bytes=40, shmem_bytes=5, cache_bytes=300),
)  # fmt: skip
KERNEL_ON_V2 = CgroupCounters(
    charge_bytes=945, headroom_bytes=55, limit_bytes=1000,
    contents=CgroupContents(40, 5, 300, kernel_bytes=600, reclaimable_bytes=0),
)  # fmt: skip


@pytest.mark.parametrize("cgroup", [KERNEL_ON_V1, KERNEL_ON_V2], ids=["v1", "v2"])
def test_kernel_memory_is_held_and_is_no_room(cgroup: CgroupCounters) -> None:
    assert kernel_bytes(cgroup) == 600
    assert held_bytes(cgroup, USAGE, alone=True) == 40 + 5 + 2 + 600
    assert room_bytes(cgroup, USAGE) == 55 + 300
    assert held_bytes(cgroup, USAGE, alone=False) == USAGE.held_bytes


def test_slab_that_the_kernel_can_drop_is_room() -> None:
    contents = CgroupContents(40, 5, 300, kernel_bytes=600, reclaimable_bytes=450)
    cgroup = KERNEL_ON_V2._replace(contents=contents)
    assert kernel_bytes(cgroup) == 150
    assert held_bytes(cgroup, USAGE, alone=True) == 40 + 5 + 2 + 150
    assert room_bytes(cgroup, USAGE) == 55 + 300 + 450


def test_slab_that_v1_counts_as_droppable_is_room() -> None:
    """The page counter has all of it; what can be dropped comes from the kernel side."""
    contents = CgroupContents(40, 5, 300).with_droppable(450)
    cgroup = CgroupCounters(
        945, limit_bytes=1000, headroom_bytes=55, kernel_bytes=600, contents=contents
    )
    assert held_bytes(cgroup, Usage(), alone=True) == 40 + 5 + 150
    assert room_bytes(cgroup, Usage()) == 55 + 300 + 450
    v2 = CgroupContents(40, 5, 300, kernel_bytes=600, reclaimable_bytes=400)
    assert v2.with_droppable(450).reclaimable_bytes == 400
    assert v2.with_droppable(None) is v2


def test_cache_dropped_between_two_readings_is_room_beside_known_kernel_memory() -> None:
    contents = CgroupContents(anon_bytes=40, shmem_bytes=5, cache_bytes=100)
    lag = 1000 // 64
    assert room_bytes(KERNEL_ON_V1._replace(contents=contents), USAGE) == 55 + 300 - lag


def test_without_contents_known_kernel_memory_is_no_cache() -> None:
    cgroup = CgroupCounters(charge_bytes=900, headroom_bytes=100, kernel_bytes=600)
    assert room_bytes(cgroup, USAGE) == 100 + 900 - 13 - 600


@pytest.mark.parametrize("lazy", [0, 30, 40], ids=["none", "partly", "all"])
def test_what_was_freed_lazily_is_room(lazy: int) -> None:
    contents = CgroupContents(40, 5, 300, lazy_bytes=lazy)
    cgroup = KERNEL_ON_V1._replace(contents=contents)
    assert held_bytes(cgroup, USAGE, alone=True) == 40 - lazy + 5 + 2 + 600
    assert room_bytes(cgroup, USAGE) == 55 + 300 + lazy
