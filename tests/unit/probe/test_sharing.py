"""What a look at all tasks finds of memory that several processes share."""

import struct

import pytest

from ebpftrace.events import ProcessKey, ProcessStarted
from ebpftrace.probe import Heir
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.sharing import Inheritance, Sharing
from ebpftrace.probe.structs import SHARER as SHARER_STRUCT
from ebpftrace.probe.structs import SIGNALLED, StructDecoder
from ebpftrace.units import PAGE_SIZE
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import process_struct

STRUCTS = StructDecoder(calls=False)
MM, LEFT = 0xFFFF0000, 7
KEY, SHARER = ProcessKey(4711, 77), ProcessKey(4712, 88)


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


@pytest.fixture
def processes(maps: FakeMaps) -> Processes:
    return Processes(maps, STRUCTS)  # type: ignore[arg-type]


@pytest.fixture
def sharing(maps: FakeMaps, processes: Processes) -> Sharing:
    return Sharing(maps, processes, 0)  # type: ignore[arg-type]


def know(processes: Processes) -> None:
    entry = STRUCTS.process(process_struct())
    processes.started(ProcessStarted(5, KEY, 1, entry.how, entry.comm, 42), entry)


def test_sharers_are_those_the_kernel_finds_but_the_process_itself(
    maps: FakeMaps, processes: Processes, sharing: Sharing
) -> None:
    know(processes)

    def find() -> bytes:
        assert list(maps.maps["sought"]) == [struct.pack("=Q", MM)]
        found = (KEY, SHARER, SHARER)  # two of its threads
        return b"".join(SHARER_STRUCT.pack(key.start_boottime_ns, key.pid) for key in found)

    maps.iterated["find_sharers"] = find
    assert sharing.sharers([KEY]) == [SHARER]
    assert maps.maps["sought"] == {}


def test_of_a_process_that_is_not_tracked_no_task_is_looked_at(
    maps: FakeMaps, sharing: Sharing
) -> None:
    assert sharing.sharers([KEY]) == []
    assert maps.runs == []


def test_memory_that_is_left_is_handed_over_or_removed(
    maps: FakeMaps, processes: Processes, sharing: Sharing
) -> None:
    shared, alone = MM, MM + 1
    for mm in (shared, alone):
        maps.put("processes", mm, process_struct(pid=0, mm=mm, how=LEFT))
    assert processes.entries() == {}
    assert processes.left == [shared, alone]
    maps.iterated["find_heirs"] = lambda: maps.put(
        "processes", shared, process_struct(pid=SHARER.pid, mm=shared, how=6)
    )
    sharing.hand_over()
    (entry,) = processes.entries().values()
    assert (entry.key.pid, entry.how) == (SHARER.pid, "shared")
    assert (len(maps.maps["processes"]), processes.left) == (1, [])
    sharing.hand_over()
    assert maps.runs == [
        ("find_heirs", ()), ("take_over", (shared,)), ("take_over", (alone,)),
        ("forget_process", (alone, 0)),
    ]  # fmt: skip


def test_heirs_are_those_with_the_number_of_the_signal(
    maps: FakeMaps, processes: Processes, sharing: Sharing
) -> None:
    know(processes)
    heirs = Inheritance(maps, processes, sharing, 0)  # type: ignore[arg-type]
    earlier, number = heirs.expect([]), heirs.expect([KEY, ProcessKey(1, 2)])
    assert heirs.expect([KEY], number) == number != earlier
    mark = ("mark_signalled", (MM, KEY.start_boottime_ns, number))
    assert maps.runs == [mark, mark]
    maps.written["find_signalled"] = b"".join(
        (
            SIGNALLED.pack(earlier, MM + 1, 99, 100, 0, 4713),
            SIGNALLED.pack(number, MM + 2, SHARER.start_boottime_ns, 100, 50, SHARER.pid),
            SIGNALLED.pack(number, MM + 3, 0, 200, 70, 0),
        )
    )
    maps.iterated["find_sharers"] = lambda: b"".join(
        SHARER_STRUCT.pack(111, pid) for pid in (4714, 4715)
    )
    assert heirs.heirs(number) == [
        Heir(SHARER, 100 * PAGE_SIZE, 50 * PAGE_SIZE),
        Heir(ProcessKey(4714, 111), 200 * PAGE_SIZE, 70 * PAGE_SIZE),
        Heir(ProcessKey(4715, 111), 0, 70 * PAGE_SIZE),
    ]
