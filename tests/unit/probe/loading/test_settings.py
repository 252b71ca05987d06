import struct

import pytest

from ebpftrace.events import SharedTable
from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.loading.layout import Layout
from ebpftrace.probe.loading.objects import MapShape, Objects
from ebpftrace.probe.loading.settings import (
    compiler_flags,
    fill_maps,
    quotas_for,
    resized,
    resized_tables,
    table_sizes,
    urgent_bytes,
)
from ebpftrace.probe.records import RecordDecoder
from ebpftrace.probe.selection import Selection
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.units import PAGE_SIZE
from tests.support.fake_maps import FakeMaps

LAYOUT = Layout(("-DCPUS=2ULL",), (0, 0), 1, 2, True, True, False, False)


def flags(
    selection: Selection, method: CallTraceMethod | None = None, watermarks: bool = False
) -> tuple[str, ...]:
    return compiler_flags(
        LAYOUT,
        {"SIZE_process": 8},
        selection,
        glob_words=1 if selection.comms else 0,
        method=method,
        watermarks=watermarks,
        ring_bytes=4 * PAGE_SIZE,
    )


def test_flags_contain_the_layout_and_the_constants() -> None:
    assert {"-DCPUS=2ULL", "-DSIZE_process=8"} <= set(flags(Selection()))


def test_size_of_the_ring_is_in_pages_of_this_machine() -> None:
    assert "-DRING_PAGES=4" in flags(Selection())


def test_flags_follow_the_selection() -> None:
    assert not [flag for flag in flags(Selection()) if "SELECT" in flag or "FOLLOW" in flag]
    every = Selection(comms=("go*",), pids=(1,), cgroups=("/ci",), children=True)
    assert {
        "-DSELECT_COMM",
        "-DGLOB_WORDS=1",
        "-DSELECT_PID",
        "-DSELECT_CGROUP",
        "-DFOLLOW_CHILDREN",
    } <= set(flags(every))


def test_optional_parts_are_compiled_on_request() -> None:
    assert "-DWATERMARKS" not in flags(Selection())
    found = flags(Selection(), CallTraceMethod.KPROBE, watermarks=True)
    assert {"-DWATERMARKS", "-DMAPPING_CALLS=2"} <= set(found)


def test_maps_contain_the_selection_and_the_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = FakeMaps(monkeypatch)
    fill_maps(
        maps,  # type: ignore[arg-type]
        cpu_offsets=(0, 64),
        globs=b"",
        cgroup_ids=(7,),
        pids=(4711,),
        self_pid=9,
        sizes=table_sizes(max_processes=70),
    )
    sizes = b"".join(maps.maps["table_sizes"].values())
    assert struct.unpack("=6q", sizes) == (70, 4096, 70, 4096, 4096, 8192)
    assert maps.maps["self_tgid"] == {bytes(4): struct.pack("=I", 9)}
    assert maps.maps["cpu_offsets"][struct.pack("=I", 1)] == struct.pack("=Q", 64)
    assert list(maps.maps["watched_cgroups"]) == [struct.pack("=Q", 7)]
    assert list(maps.maps["watched_pids"]) == [struct.pack("=I", 4711)]
    assert "globs" not in maps.maps


@pytest.mark.parametrize(
    ("processes", "cgroups", "quotas"),
    [(65_536, 32_768, 65_536), (256, 128, 8192), (64, 32, 8192)],
)
def test_only_the_tables_of_what_is_tracked_are_resized(
    processes: int, cgroups: int, quotas: int
) -> None:
    """Of the cgroups that have quotas there are not fewer: each process has several."""
    sizes = resized_tables(table_sizes(), processes)
    assert sizes == table_sizes(processes, cgroups)
    names = ("processes", "process_mm", "lineage", "cgroups", "quotas", "urgent", "records")
    shapes = {name: MapShape(1, 8, 8, 100, 0) for name in names}
    made = resized(Objects(shapes, {"one": b"code"}), sizes, 1 << 19)
    assert made.programs == {"one": b"code"}
    assert [made.maps[name].entries for name in names] == [
        processes, processes, processes, cgroups, quotas, 1 << 19, 100,
    ]  # fmt: skip
    assert quotas_for(processes) == quotas


@pytest.mark.parametrize(
    ("processes", "size"),
    [(64, 1 << 19), (8192, 1 << 21), (16_384, 1 << 21), (65_536, 1 << 23)],
)
def test_ring_has_room_for_the_breaches_and_stops_of_all_processes(
    processes: int, size: int
) -> None:
    sizes = resized_tables(table_sizes(), processes)
    assert urgent_bytes(sizes) == size
    records = RecordDecoder(StructDecoder(calls=False, watermarks=True)).constants()
    breach, stop = (
        records[name] + 8 for name in ("SIZE_breach_record", "SIZE_stop_record")
    )  # each with a header of the ring
    needed = breach * (sizes[SharedTable.PROCESSES] + sizes[SharedTable.CGROUPS])
    assert size >= needed + stop * sizes[SharedTable.STOPPED]
