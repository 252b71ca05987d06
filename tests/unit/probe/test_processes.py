"""What the map has and what was reported are reconciled."""

import os

import pytest

from ebpftrace.events import ProcessExited, ProcessKey, ProcessMoved, ProcessStarted
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.structs import StructDecoder
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import process_struct

STRUCTS = StructDecoder(calls=False, many_cpus=False)
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


def test_started_process_is_known_until_it_exits(processes: Processes) -> None:
    started(processes, process_struct())
    assert KEY in processes
    assert processes.mm_of(KEY) == MM
    assert processes.cgroup_ids == {42}
    processes.apply(
        ProcessExited(6, KEY, "gopls", 0, 9, STRUCTS.process(process_struct()).counters)
    )
    assert len(processes) == 0
    assert processes.mm_of(KEY) is None


def test_moved_process_is_in_its_new_cgroup(processes: Processes) -> None:
    started(processes, process_struct())
    processes.apply(ProcessMoved(6, KEY, 43))
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


def test_processes_that_have_ended_are_found(processes: Processes) -> None:
    own, missing = ProcessKey(os.getpid(), 1), ProcessKey(2**22 + 1, 1)
    assert processes.ended([own, missing]) == {missing}


def test_dropped_process_is_removed_from_the_map(processes: Processes, maps: FakeMaps) -> None:
    event = started(processes, process_struct())
    maps.put("processes", MM, process_struct())
    processes.drop(event)
    assert KEY not in processes
    assert maps.maps["processes"] == {}


def test_drop_of_an_earlier_program_keeps_the_process(processes: Processes) -> None:
    earlier = started(processes, process_struct(), time_ns=5)
    started(processes, process_struct(), time_ns=6)
    processes.drop(earlier)
    assert KEY in processes
