"""What the map has and what was reported are reconciled."""

import sys

import pytest

from ebpftrace.events import (
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRenamed,
    ProcessStarted,
)
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.structs import StructDecoder
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import process_struct

STRUCTS = StructDecoder(calls=False)
MM = 0xFFFF0000
KEY = ProcessKey(4711, 77)


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


@pytest.fixture
def processes(maps: FakeMaps) -> Processes:
    return Processes(maps, STRUCTS)  # type: ignore[arg-type]


def started(processes: Processes, data: bytes, time_ns: int = 5) -> ProcessStarted:
    entry = STRUCTS.process(data)
    event = ProcessStarted(time_ns, entry.key, 1, entry.how, entry.comm, entry.cgroup_id)
    processes.started(event, entry)
    return event


def exited(processes: Processes, data: bytes, time_ns: int = 6) -> bool:
    entry = STRUCTS.process(data)
    event = ProcessExited(time_ns, entry.key, entry.comm, 0, 9, entry.counters)
    return processes.exited(event, entry)


def test_started_process_is_known_until_it_exits(processes: Processes) -> None:
    started(processes, process_struct())
    assert KEY in processes
    assert processes.mm_of(KEY) == MM
    assert processes.cgroup_ids == {42}
    assert exited(processes, process_struct())
    assert len(processes) == 0
    assert processes.mm_of(KEY) is None


def test_moved_process_is_in_its_new_cgroup(processes: Processes) -> None:
    started(processes, process_struct())
    assert processes.changed(ProcessMoved(6, KEY, 43))
    assert processes.of_cgroup(42) == []
    assert [entry.key for entry in processes.of_cgroup(43)] == [KEY]


def test_update_all_runs_the_program_for_each_process(
    processes: Processes, maps: FakeMaps
) -> None:
    started(processes, process_struct())
    started(processes, process_struct(pid=4712, mm=8))
    processes.update_all()
    assert maps.runs == [("read_process", (MM,)), ("read_process", (8,))]


def test_repair_reports_a_missed_start(processes: Processes, maps: FakeMaps) -> None:
    maps.put("processes", MM, process_struct())
    (event,) = processes.repair(9, processes.entries())
    assert isinstance(event, ProcessStarted)
    assert (event.time_ns, event.key, event.comm) == (9, KEY, "gopls")
    assert KEY in processes


def test_repair_reports_a_missed_exit(processes: Processes) -> None:
    started(processes, process_struct())
    (event,) = processes.repair(9, processes.entries())
    assert isinstance(event, ProcessExited)
    assert (event.key, event.exit_code, event.signal) == (KEY, 0, 0)
    assert KEY not in processes


def test_repair_reports_a_missed_move(processes: Processes, maps: FakeMaps) -> None:
    started(processes, process_struct())
    maps.put("processes", MM, process_struct(cgroup_id=43))
    assert list(processes.repair(9, processes.entries())) == [ProcessMoved(9, KEY, 43)]


def test_repair_reports_a_missed_exec_as_an_exit_and_a_start(
    processes: Processes, maps: FakeMaps
) -> None:
    started(processes, process_struct())
    maps.put("processes", 8, process_struct(mm=8))
    exited, again = processes.repair(9, processes.entries())
    assert isinstance(exited, ProcessExited)
    assert exited.executed
    assert isinstance(again, ProcessStarted)
    assert processes.mm_of(KEY) == 8


def test_repair_ignores_an_entry_that_was_removed_meanwhile(
    processes: Processes, maps: FakeMaps
) -> None:
    maps.put("processes", MM, process_struct())
    entries = processes.entries()
    maps.maps["processes"].clear()
    assert list(processes.repair(9, entries)) == []


def test_repair_removes_an_ended_process_from_the_map(
    processes: Processes, maps: FakeMaps
) -> None:
    started(processes, process_struct())
    maps.put("processes", MM, process_struct())
    maps.put("process_mm", KEY.pid, b"", "=I")
    (event,) = processes.repair(9, processes.entries(), {KEY})
    assert isinstance(event, ProcessExited)
    assert maps.maps["processes"] == maps.maps["process_mm"] == {}


def test_part_of_the_map_says_nothing_of_the_other_processes(
    processes: Processes, maps: FakeMaps
) -> None:
    started(processes, process_struct())
    maps.put("processes", 8, process_struct(b"ls", pid=8, mm=8))
    maps.written["changed_processes"] = process_struct(b"ls", pid=8, mm=8)
    entries = processes.changed_entries()
    (event,) = processes.repair(9, entries, whole=False)
    assert isinstance(event, ProcessStarted)
    assert event.key.pid == 8
    assert KEY in processes
    assert not processes.awaits_ends
    assert processes.changed_entries() == {}


def test_known_entries_are_the_latest(processes: Processes, maps: FakeMaps) -> None:
    started(processes, process_struct(mm=8, pid=8))
    started(processes, process_struct())
    maps.written["changed_processes"] = process_struct(b"other")
    comms = [entry.comm for entry in processes.as_last_read(processes.changed_entries())]
    assert comms == ["gopls", "other"]


def test_cgroups_are_touched_by_starts_moves_and_ends(processes: Processes) -> None:
    started(processes, process_struct())
    assert processes.take_touched() == {42}
    assert processes.take_touched() == set()
    assert processes.changed(ProcessMoved(6, KEY, 43))
    assert processes.take_touched() == {42, 43}
    assert exited(processes, process_struct())
    assert processes.take_touched() == {43}


def test_cgroups_are_touched_by_what_is_found_in_the_map(
    processes: Processes, maps: FakeMaps
) -> None:
    maps.put("processes", MM, process_struct())
    assert list(processes.repair(9, processes.entries()))
    assert processes.take_touched() == {42}
    maps.put("processes", MM, process_struct(cgroup_id=43))
    assert list(processes.repair(9, processes.entries()))
    assert processes.take_touched() == {42, 43}


def test_dropped_process_is_removed_from_the_map(processes: Processes, maps: FakeMaps) -> None:
    event = started(processes, process_struct())
    maps.put("processes", MM, process_struct())
    processes.drop(event)
    assert KEY not in processes
    assert maps.maps["processes"] == {}


@pytest.mark.parametrize("repaired", [False, True])
def test_start_is_unchanged_until_the_process_executes_a_program(
    processes: Processes, maps: FakeMaps, repaired: bool
) -> None:
    """However many records of other processes are not read yet."""
    maps.put("processes", MM, process_struct())
    if repaired:
        (event,) = processes.repair(9, processes.entries())
        assert isinstance(event, ProcessStarted)
    else:
        event = started(processes, process_struct())
    assert processes.is_unchanged(event)
    maps.put("processes", MM + 1, process_struct(mm=MM + 1))
    assert not processes.is_unchanged(event)
    later = started(processes, process_struct(mm=MM + 1), time_ns=10)
    assert processes.is_unchanged(later)
    assert not processes.is_unchanged(event)
    del maps.maps["process_mm"]
    assert not processes.is_unchanged(later)


def test_drop_of_an_earlier_program_keeps_the_process(processes: Processes) -> None:
    earlier = started(processes, process_struct(), time_ns=5)
    started(processes, process_struct(), time_ns=6)
    processes.drop(earlier)
    assert KEY in processes


def test_start_that_was_repaired_is_not_reported_again(
    processes: Processes, maps: FakeMaps
) -> None:
    """Its record was still in the ring, behind many others."""
    maps.put("processes", MM, process_struct())
    assert list(processes.repair(9, processes.entries()))
    late = STRUCTS.process(process_struct())
    event = ProcessStarted(8, KEY, 1, late.how, late.comm, late.cgroup_id)
    assert not processes.started(event, late)
    assert exited(processes, process_struct())
    assert KEY not in processes


def test_records_of_an_earlier_program_are_not_reported_after_a_repair(
    processes: Processes, maps: FakeMaps
) -> None:
    maps.put("processes", 8, process_struct(mm=8))
    assert list(processes.repair(9, processes.entries()))
    earlier = STRUCTS.process(process_struct())
    event = ProcessStarted(3, KEY, 1, earlier.how, earlier.comm, earlier.cgroup_id)
    assert not processes.started(event, earlier)
    assert not exited(processes, process_struct(), time_ns=4)
    assert not processes.changed(ProcessMoved(5, KEY, 43))
    assert not processes.changed(ProcessRenamed(5, KEY, "old"))
    assert processes.changed(ProcessMoved(10, KEY, 44))
    assert processes.mm_of(KEY) == 8
    assert processes.cgroup_ids == {44}


def test_exit_is_repaired_once_the_ring_was_read_that_far(processes: Processes) -> None:
    started(processes, process_struct())
    read_up_to = 99

    def has_read(position: int) -> bool:
        return read_up_to >= position

    assert not list(processes.repair(9, {}, written=lambda: 100, has_read=has_read))
    assert KEY in processes
    read_up_to = 100
    (event,) = processes.repair(10, {}, written=lambda: 200, has_read=has_read)
    assert isinstance(event, ProcessExited)


def test_repair_reports_a_rename_that_was_not_reported(
    processes: Processes, maps: FakeMaps
) -> None:
    started(processes, process_struct())
    maps.put("processes", MM, process_struct(b"other"))
    assert list(processes.repair(9, processes.entries())) == [ProcessRenamed(9, KEY, "other")]
    assert list(processes.repair(10, processes.entries())) == []


def test_start_of_a_stopped_process_is_found_in_the_map(
    processes: Processes, maps: FakeMaps
) -> None:
    assert list(processes.find(9, KEY)) == []
    maps.put("process_mm", KEY.pid, MM.to_bytes(8, sys.byteorder), "=I")
    maps.put("processes", MM, process_struct())
    (event,) = processes.find(9, KEY)
    assert isinstance(event, ProcessStarted)
    assert list(processes.find(10, KEY)) == []
