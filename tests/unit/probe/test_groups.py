import struct

import pytest

from ebpftrace.events import ProcessKey, ProcessStarted
from ebpftrace.probe.groups import Groups
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.units import PAGE_SIZE
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import cgroup_struct, process_struct

STRUCTS = StructDecoder(calls=False)


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


def processes_of(maps: FakeMaps, count: int) -> Processes:
    processes = Processes(maps, STRUCTS)  # type: ignore[arg-type]
    for number in range(count):
        data = process_struct(pid=100 + number, mm=number)
        maps.put("processes", number, data)
        entry = STRUCTS.process(data)
        event = ProcessStarted(1, entry.key, 1, entry.how, entry.comm, entry.cgroup_id)
        processes.started(event, entry)
    return processes


def test_counters_are_updated_and_then_read(maps: FakeMaps) -> None:
    groups = Groups(maps, STRUCTS)  # type: ignore[arg-type]
    assert groups.counters(42) is None
    maps.put("cgroups", 42, cgroup_struct())
    counters = groups.counters(42)
    assert counters is not None
    assert counters.charge_bytes == 10 * PAGE_SIZE
    assert maps.runs == [("read_group", (42,))] * 2


def test_group_reading_has_its_processes(maps: FakeMaps) -> None:
    processes, groups = processes_of(maps, 2), Groups(maps, STRUCTS)  # type: ignore[arg-type]
    first = ProcessKey(100, 77)
    assert groups.with_processes(9, 42, first, processes) is None, "no such cgroup"
    maps.put("cgroups", 42, cgroup_struct())
    reading = groups.with_processes(9, 42, first, processes)
    assert reading is not None
    assert reading.processes.keys() == {first, ProcessKey(101, 77)}
    assert not reading.partial


def test_only_some_of_many_processes_are_read_exactly(maps: FakeMaps) -> None:
    processes, groups = processes_of(maps, 70), Groups(maps, STRUCTS)  # type: ignore[arg-type]
    maps.put("cgroups", 42, cgroup_struct())
    first = ProcessKey(169, 77)
    reading = groups.with_processes(9, 42, first, processes)
    assert reading is not None
    assert reading.partial
    assert len(reading.processes) == 70
    read = [arguments[0] for name, arguments in maps.runs if name == "read_process"]
    assert read[0] == processes.mm_of(first)
    assert len(read) == 64


def test_changed_cgroups_are_read_with_others_that_are_asked_for(maps: FakeMaps) -> None:
    groups = Groups(maps, STRUCTS)  # type: ignore[arg-type]
    for number in (41, 42, 43):
        maps.put("cgroups", number, cgroup_struct())
    maps.written["changed_groups"] = b"".join(
        struct.pack("=Q", number) + cgroup_struct() for number in (41, 42)
    )
    assert [read.cgroup_id for read in groups.read_changed(7, {42, 43, 44})] == [41, 42, 43]
    assert maps.runs == [("read_group", (43,)), ("read_group", (44,))]
