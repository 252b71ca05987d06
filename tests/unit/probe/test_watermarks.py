import struct

import pytest

from ebpftrace.events import ProcessKey
from ebpftrace.probe.structs import StructDecoder, TrackedEntry
from ebpftrace.probe.watermarks import Watermarks
from ebpftrace.units import PAGE_SIZE
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import cgroup_struct, process_struct

STRUCTS = StructDecoder(calls=False, watermarks=True)
PLAIN = StructDecoder(calls=False)


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


def hold(maps: FakeMaps, cgroup_id: int, pages: int) -> None:
    """The kernel side's sum of a cgroup."""
    maps.put("cgroups", cgroup_id, cgroup_struct() + struct.pack("=q", pages) + bytes(72))


def part(cgroup_id: int, pages: int) -> TrackedEntry:
    entry = PLAIN.process(process_struct(cgroup_id=cgroup_id))
    return entry._replace(counted_pages=pages)


def test_marks_are_set_in_pages_rounded_up(maps: FakeMaps) -> None:
    marks = Watermarks(maps, STRUCTS)  # type: ignore[arg-type]
    marks.set_process(8, ProcessKey(7, 99), 10 * PAGE_SIZE + 1)
    marks.set_group(42, 0)
    assert maps.runs == [("mark_process", (8, 99, 11)), ("mark_group", (42, 0, 0))]


def test_wrong_sum_is_corrected_once_with_the_next_mark(maps: FakeMaps) -> None:
    marks = Watermarks(maps, STRUCTS)  # type: ignore[arg-type]
    hold(maps, 42, 10)
    marks.sum_up()
    marks.compare([part(42, 6), part(42, 7)])
    marks.set_group(42, PAGE_SIZE)
    marks.set_group(42, PAGE_SIZE)
    assert maps.runs == [("mark_group", (42, 1, 3)), ("mark_group", (42, 1, 0))]


def test_sum_that_changed_meanwhile_is_not_corrected(maps: FakeMaps) -> None:
    marks = Watermarks(maps, STRUCTS)  # type: ignore[arg-type]
    hold(maps, 42, 10)
    marks.sum_up()
    hold(maps, 42, 11)
    marks.compare([part(42, 13)])
    assert marks.corrections == {}


def test_right_sum_needs_no_correction(maps: FakeMaps) -> None:
    marks = Watermarks(maps, STRUCTS)  # type: ignore[arg-type]
    hold(maps, 42, 13)
    marks.sum_up()
    marks.compare([part(42, 6), part(42, 7)])
    assert marks.corrections == {}


def test_sum_that_two_comparisons_find_wrong_is_corrected_without_a_mark(
    maps: FakeMaps,
) -> None:
    marks = Watermarks(maps, STRUCTS)  # type: ignore[arg-type]
    hold(maps, 42, 10)
    for parts in ([part(42, 7)], [part(42, 8)], [part(42, 8)]):
        marks.sum_up()
        marks.compare(parts)
    assert maps.runs == [("correct_group", (42, -2))]
    assert marks.corrections == {}


def test_sum_of_a_cgroup_without_processes_is_corrected_to_nothing(maps: FakeMaps) -> None:
    marks = Watermarks(maps, STRUCTS)  # type: ignore[arg-type]
    hold(maps, 42, -3)
    for _ in range(2):
        marks.sum_up()
        marks.compare([])
    assert maps.runs == [("correct_group", (42, 3))]
