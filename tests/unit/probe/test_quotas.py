"""Which cgroup fills a table, and what is removed as unused, from maps in memory."""

import struct

import pytest

from ebpftrace.probe.loading.settings import MAX_QUOTAS, table_sizes
from ebpftrace.probe.quotas import QuotaEntries, Quotas
from ebpftrace.probe.structs import PATH, PROCESS_PATH, QUOTA, StructDecoder
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import cgroup_struct

ROOT, DOCKER, HOG, VICTIM = 1, 10, 11, 12
FULL = {"processes_full": 9}


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


def quotas_of(maps: FakeMaps, *, watermarks: bool = False) -> Quotas:
    structs = StructDecoder(calls=False, watermarks=watermarks)
    return Quotas(maps, structs, table_sizes(100, 10))  # type: ignore[arg-type]


def put(
    maps: FakeMaps, cgroup_id: int, parent: int, processes: int = 0, *, cgroups: int = 0,
    quotas: int = 1, used: int | None = None,
) -> None:  # fmt: skip
    entries = (processes, cgroups, 0, 0, 0, quotas)
    total = sum(entries[:-1]) if used is None else used
    maps.put("quotas", cgroup_id, QUOTA.pack(parent, *entries, total, *[0] * 6))


def found(quotas: Quotas, **losses: int) -> list[tuple[int, str, int, int]]:
    return [(it.cgroup_id, it.table, it.entries, it.missed) for it in quotas.update(5, losses)]


def test_nothing_is_reported_without_a_loss(maps: FakeMaps) -> None:
    put(maps, ROOT, 0, 90)
    put(maps, HOG, ROOT, 90)
    assert found(quotas_of(maps)) == []
    assert found(quotas_of(maps), ring_start=7) == []


def test_cgroup_with_most_of_the_table_is_found(maps: FakeMaps) -> None:
    put(maps, ROOT, 0, 90)
    put(maps, DOCKER, ROOT, 80)
    put(maps, 13, ROOT, 10)
    put(maps, HOG, DOCKER, 70)
    put(maps, VICTIM, DOCKER, 10)
    quotas = quotas_of(maps)
    assert found(quotas, **FULL) == [(HOG, "processes", 70, 9)]
    assert found(quotas, **FULL) == [], "nothing more was missed"
    assert found(quotas, processes_full=11) == [(HOG, "processes", 70, 2)]


def test_job_is_found_whose_cgroups_have_a_little_each(maps: FakeMaps) -> None:
    put(maps, ROOT, 0, 90)
    put(maps, HOG, ROOT, 80)
    put(maps, VICTIM, ROOT, 10)
    for number in range(80):
        put(maps, 100 + number, HOG, 1)
    assert found(quotas_of(maps), **FULL) == [(HOG, "processes", 80, 9)]


def test_largest_of_many_jobs_is_found(maps: FakeMaps) -> None:
    put(maps, ROOT, 0, 90)
    for number in range(9):
        put(maps, 100 + number, ROOT, 9 + (number == 4))
    assert found(quotas_of(maps), **FULL) == [(104, "processes", 10, 9)]


def test_processes_of_the_root_are_found(maps: FakeMaps) -> None:
    put(maps, ROOT, 0, 90)
    put(maps, VICTIM, ROOT, 0, cgroups=1)
    assert found(quotas_of(maps), **FULL) == [(ROOT, "processes", 90, 9)]


def test_a_loop_of_parents_is_no_endless_one(maps: FakeMaps) -> None:
    """Entries that change while they are read may belong to different moments."""
    put(maps, ROOT, 0, 90)
    put(maps, HOG, ROOT, 90)
    put(maps, 7, 8, 90)
    put(maps, 8, 7, 90)
    assert found(quotas_of(maps), **FULL) == [(HOG, "processes", 90, 9)]
    del maps.maps["quotas"][struct.pack("=Q", ROOT)]
    assert found(quotas_of(maps), **FULL) == []


def test_unused_cgroups_are_evicted_once_half_of_the_table_is_taken(maps: FakeMaps) -> None:
    used, unused = cgroup_struct(), cgroup_struct(processes=0)
    maps.put("cgroups", HOG, unused)
    maps.put("cgroups", VICTIM, used)
    put(maps, ROOT, 0, 2, cgroups=5)
    quotas = quotas_of(maps)
    quotas.update(5, {})
    assert maps.runs == []
    put(maps, ROOT, 0, 2, cgroups=6)
    quotas.update(6, {})
    assert maps.runs == [("evict_group", (HOG,))]


def test_cgroup_with_a_bound_of_user_space_is_not_evicted(maps: FakeMaps) -> None:
    marks = struct.pack("=10q", *[0] * 10)
    armed = marks[:-8] + struct.pack("=q", 1)
    maps.put("cgroups", HOG, cgroup_struct(processes=0) + marks)
    maps.put("cgroups", VICTIM, cgroup_struct(processes=0) + armed)
    put(maps, ROOT, 0, cgroups=6)
    quotas_of(maps, watermarks=True).update(5, {})
    assert maps.runs == [("evict_group", (HOG,))]


def test_cgroups_without_entries_or_parent_are_forgotten(maps: FakeMaps) -> None:
    put(maps, ROOT, 0, 5, quotas=MAX_QUOTAS // 2 + 1)
    put(maps, HOG, ROOT, 0)
    put(maps, VICTIM, ROOT, 5)
    put(maps, 13, 4711, 3)
    quotas_of(maps).update(5, {})
    assert maps.runs == [("evict_quota", (HOG,)), ("evict_quota", (13,))]


def test_they_are_also_forgotten_once_in_a_while(maps: FakeMaps) -> None:
    """Where they were unused a minute ago as well: in between they were counted anew."""
    put(maps, ROOT, 0, 5)
    put(maps, HOG, ROOT, 0)
    quotas = quotas_of(maps)
    for _ in range(119):
        quotas.update(5, {})
    assert "evict_quota" not in {name for name, _ in maps.runs}
    quotas.update(5, {})
    assert maps.runs[-1] == ("evict_quota", (HOG,))


class Tables:
    """Quotas whose maps have a process in the cgroup HOG, three cgroups and no more."""

    def __init__(self, maps: FakeMaps, **counted: int) -> None:
        self.maps, self.counted = maps, counted
        self.quotas = quotas_of(maps)
        path = PATH.pack(ROOT, DOCKER, HOG, *[0] * 5)
        self.process = bytes(PROCESS_PATH) + path + bytes(200)
        self.count()
        maps.put("processes", 0x77, self.process)

    def count(self, processes: int = 1, quotas: int = 2) -> None:
        put(self.maps, ROOT, 0, processes, quotas=quotas)
        put(self.maps, DOCKER, ROOT, 1, quotas=1)
        put(self.maps, HOG, DOCKER, 1, quotas=0)

    def read(self, times: int = 63) -> list[tuple[int, ...]]:
        """So many readings; the corrections."""
        before = len(self.maps.runs)
        for _ in range(times):
            self.quotas.update(5, {})
        runs = self.maps.runs[before:]
        return [arguments for name, arguments in runs if name == "correct_quota"]


PROCESSES, BELOW = 0, 5  # enum table


def test_what_is_counted_right_is_left_alone(maps: FakeMaps) -> None:
    assert Tables(maps).read(200) == []


@pytest.mark.parametrize(("counted", "by"), [(4, -3), (0, 1), (-2, 3)])
def test_entries_are_counted_anew_once_a_minute(maps: FakeMaps, counted: int, by: int) -> None:
    tables = Tables(maps)
    tables.count(processes=counted)
    assert tables.read() == [(ROOT, PROCESSES, by)]


@pytest.mark.parametrize(("counted", "by"), [(9, -7), (0, 2)])
def test_cgroups_are_counted_anew_too(maps: FakeMaps, counted: int, by: int) -> None:
    tables = Tables(maps)
    tables.count(quotas=counted)
    assert tables.read() == [(ROOT, BELOW, by)]


def test_difference_that_one_look_does_not_find_is_none(maps: FakeMaps) -> None:
    """An entry was just added, and is counted a moment later."""
    tables = Tables(maps)
    tables.count(processes=0)
    assert tables.read(62) == []
    tables.count(processes=1)
    assert tables.read() == []


def test_least_of_several_differences_is_corrected(maps: FakeMaps) -> None:
    """Others come and go as they are looked at."""
    tables = Tables(maps)
    tables.count(processes=5)
    assert tables.read(60) == []
    tables.count(processes=3)
    assert tables.read(1) == []
    tables.count(processes=9)
    assert tables.read(2) == [(ROOT, PROCESSES, -2)]


def test_too_many_and_then_too_few_is_no_difference(maps: FakeMaps) -> None:
    tables = Tables(maps)
    tables.count(processes=5)
    assert tables.read(60) == []
    tables.count(processes=0)
    assert tables.read(3) == []


def test_cgroup_that_was_counted_meanwhile_is_not_wrong(maps: FakeMaps) -> None:
    """The number of processes rose while they were counted: it is between before and after."""
    tables = Tables(maps)
    tables.count(processes=0)
    rising = iter([0, 3] * 200)
    read = tables.quotas.read

    def counted() -> dict[int, QuotaEntries]:
        tables.count(processes=next(rising))
        return read()

    tables.quotas._recount._read = counted
    assert tables.read(70) == []
