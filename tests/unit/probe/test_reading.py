"""What a reading reads: what changed, and everything after a loss."""

import os
import struct
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ebpftrace.events import Event, LossesRead, ProcessKey, ProcessRead
from ebpftrace.probe.groups import Groups
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.reading import Reading, Sources, ended_among
from ebpftrace.probe.records import RecordDecoder
from ebpftrace.probe.reports import Reports
from ebpftrace.probe.structs import LOSSES, StructDecoder
from ebpftrace.units import NS_PER_SECOND
from tests.support.fake_maps import FakeMaps
from tests.support.kernel_structs import cgroup_struct, process_struct

STRUCTS = StructDecoder(calls=False)


class Nothing:
    """Rings without records, no quotas that are reached, and no memory to hand over."""

    caught_up, written = True, 0

    def take(self) -> None: ...
    def take_urgent(self) -> None: ...
    def hand_over(self) -> None: ...

    def has_read(self, _written: int) -> bool:
        return self.caught_up

    def update(self, *_: object) -> list[Event]:
        return []


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    maps = FakeMaps(monkeypatch)
    maps.put("processes", 8, process_struct(b"ls", pid=os.getpid(), mm=8))
    maps.put("cgroups", 42, cgroup_struct())
    return maps


@pytest.fixture
def reading(maps: FakeMaps) -> Reading:
    processes, nothing = Processes(cast(Any, maps), STRUCTS), cast(Any, Nothing())
    reports = Reports(RecordDecoder(STRUCTS), processes, None)
    sources = Sources(
        processes, Groups(cast(Any, maps), STRUCTS), nothing, nothing, reports, nothing,
        None, None,
    )  # fmt: skip
    return Reading(cast(Any, maps), (), sources)


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


FOUND = ["ProcessStarted", "ProcessRead", "CgroupRead", "LossesRead"]


def test_first_reading_reads_everything(reading: Reading) -> None:
    assert kinds(reading.read(0)) == FOUND


def test_later_reading_reads_what_changed(reading: Reading, maps: FakeMaps) -> None:
    reading.read(0)
    reading.read(1)  # the process that was found has made its cgroup be read once more
    maps.runs.clear()
    assert kinds(reading.read(2)) == ["LossesRead"]
    assert maps.runs == []
    maps.written["changed_processes"] = process_struct(b"ls", pid=os.getpid(), mm=8)
    maps.written["changed_groups"] = struct.pack("=Q", 42) + cgroup_struct()
    assert kinds(reading.read(3)) == ["ProcessRead", "CgroupRead", "LossesRead"]
    assert kinds(reading.read(4)) == ["LossesRead"]


def test_cgroup_that_a_process_has_entered_is_read_without_a_change(
    reading: Reading, maps: FakeMaps
) -> None:
    reading.read(0)
    reading.read(1)
    maps.put("processes", 9, process_struct(b"ls", pid=os.getppid(), mm=9))
    maps.written["changed_processes"] = process_struct(b"ls", pid=os.getppid(), mm=9)
    assert kinds(reading.read(2)) == FOUND


@pytest.mark.parametrize("cause", range(10))
def test_everything_is_read_at_once_after_a_loss(
    reading: Reading, maps: FakeMaps, cause: int
) -> None:
    reading.read(0)
    reading.read(1)
    maps.put("losses", cause, struct.pack("=Q", 1), "=I")
    events = reading.read(2)
    assert any(isinstance(event, ProcessRead) for event in events)
    last = events[-1]
    assert isinstance(last, LossesRead)
    assert sum(last.counts.values()) == 1
    assert kinds(reading.read(3)) == ["LossesRead"]  # the loss is known


def test_everything_is_read_once_a_minute(reading: Reading) -> None:
    reading.read(0)
    reading.read(1)
    assert kinds(reading.read(60 * NS_PER_SECOND - 1)) == ["LossesRead"]
    assert "ProcessRead" in kinds(reading.read(60 * NS_PER_SECOND))
    assert kinds(reading.read(61 * NS_PER_SECOND)) == ["LossesRead"]


def test_end_that_may_yet_be_reported_is_awaited_with_readings_of_everything(
    reading: Reading, maps: FakeMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.read(0)
    maps.maps["processes"].clear()
    maps.put("losses", 1, struct.pack("=Q", 1), "=I")
    monkeypatch.setattr(Nothing, "caught_up", False)
    assert "ProcessExited" not in kinds(reading.read(1))
    monkeypatch.setattr(Nothing, "caught_up", True)
    assert "ProcessExited" in kinds(reading.read(2))  # without another loss


def test_processes_that_have_ended_are_found() -> None:
    own, missing = ProcessKey(os.getpid(), 1), ProcessKey(2**22 + 1, 1)
    assert ended_among([own, missing]) == {missing}


def test_losses_are_named_and_causes_without_one_left_out(maps: FakeMaps) -> None:
    programs = cast(Any, maps)
    programs.missed_runs = lambda names: len(names)
    maps.put("losses", 1, struct.pack("=Q", 12), "=I")
    maps.put("losses", 2, struct.pack("=Q", 0), "=I")
    sources = cast(Any, SimpleNamespace(reports=SimpleNamespace(undecodable=2)))
    expected = {LOSSES[1]: 12, "undecodable": 2}
    assert Reading(programs, (), sources).losses() == expected
    handlers = {"on_exec", "on_exit"}
    losses = Reading(programs, handlers, sources).losses()
    assert losses == {"missed_runs": 2, **expected}
