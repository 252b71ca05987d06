"""Bounds and stops in the kernel's maps, which are in memory here."""

import errno
import os
import signal
import struct
import subprocess
from collections.abc import Iterator

import pytest

from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.host import proc
from ebpftrace.probe.fuses import KernelFuses
from ebpftrace.probe.interface import FuseDefault
from ebpftrace.probe.structs import FUSE_DEFAULT, StructDecoder
from ebpftrace.probe.watchdog import STOP
from ebpftrace.units import MIB, PAGE_SIZE
from tests.support.fake_maps import FakeMaps

STRUCTS = StructDecoder(calls=False, watermarks=True)
SIGKILL = 9
SIGSTOP = int(signal.SIGSTOP)
GOPLS, OTHER = ProcessKey(4711, 7_000_000), ProcessKey(4712, 8_000_000)
MM = {GOPLS: 0xABC}


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


@pytest.fixture
def fuses(maps: FakeMaps) -> KernelFuses:
    return KernelFuses(maps, STRUCTS, MM.get)  # type: ignore[arg-type]


def put_stop(
    maps: FakeMaps, key: ProcessKey, number: int = SIGSTOP, *, filled: bool = False
) -> None:
    """As the kernel program does before it sends the signal, or has it sent."""
    value = STOP.pack(key.start_boottime_ns, 42, 5, 10, 20, 30, key.start_boottime_ns,
                      key.pid, 2, number, key.pid, 0, filled)  # fmt: skip
    maps.put("stopped", key.pid, value, "=I")


def stopped(maps: FakeMaps) -> set[int]:
    return {struct.unpack("=I", key)[0] for key in maps.maps.get("stopped", {})}


def test_bounds_are_set_in_pages_rounded_up(maps: FakeMaps, fuses: KernelFuses) -> None:
    fuses.arm_process(GOPLS, PAGE_SIZE + 1, 0, SIGSTOP)
    fuses.arm_group(42, 3 * PAGE_SIZE, SIGSTOP, PAGE_SIZE - 1)
    assert maps.runs == [
        ("arm_process", (MM[GOPLS], GOPLS.start_boottime_ns, 2, 0, SIGSTOP, 0, 0)),
        ("arm_group", (42, 3, SIGSTOP, 1)),
    ]


def test_bound_of_a_cgroup_without_an_entry_is_set_once_it_has_one(
    maps: FakeMaps, fuses: KernelFuses
) -> None:
    fuses.arm_group(42, PAGE_SIZE, SIGSTOP)
    fuses.arm_group(43, PAGE_SIZE, SIGSTOP)
    fuses.arm_group(43, 0, 0)  # no bound any more
    maps.runs.clear()
    fuses.retry_groups()
    assert maps.runs == []
    maps.put("cgroups", 42, b"")
    maps.put("cgroups", 43, b"")
    fuses.retry_groups()
    fuses.retry_groups()
    assert maps.runs == [("arm_group", (42, 1, SIGSTOP, 0))]


def test_process_that_is_not_tracked_gets_no_bound(maps: FakeMaps, fuses: KernelFuses) -> None:
    fuses.arm_process(OTHER, MIB, 0, SIGSTOP)
    fuses.clear_stop(OTHER)
    assert maps.runs == []


@pytest.mark.parametrize(
    ("default", "packed"),
    [
        (FuseDefault(FuseScope.JOB, 3 * PAGE_SIZE, False, SIGSTOP), (3, 0, 2, SIGSTOP, 0)),
        (FuseDefault(FuseScope.PROCESS, 0.9, True, 9), (0, 9000, 1, 9, 0)),
        (FuseDefault(FuseScope.CHARGE, 0.5, True, 9), (0, 5000, 3, 9, 0)),
    ],
)
def test_default_is_pages_or_parts_of_the_limit(
    default: FuseDefault, packed: tuple[int, ...], maps: FakeMaps, fuses: KernelFuses
) -> None:
    fuses.set_default(default)
    assert FUSE_DEFAULT.unpack(maps.maps["fuse_defaults"][bytes(4)]) == packed


def test_stop_is_new_once_until_it_is_cleared(maps: FakeMaps, fuses: KernelFuses) -> None:
    event = FuseBlown(5, GOPLS, 42, FuseScope.JOB, 1, 2, 3, SIGSTOP)
    seen = [fuses.accept(event), fuses.accept(event)]
    fuses.clear_stop(GOPLS)
    seen.append(fuses.accept(event))
    assert seen == [True, False, True]
    assert maps.runs == [("clear_stop", (MM[GOPLS], GOPLS.start_boottime_ns))]


def test_stop_without_a_record_is_found_in_the_map_once(
    maps: FakeMaps, fuses: KernelFuses
) -> None:
    put_stop(maps, GOPLS)
    (event,) = fuses.unreported(0)
    assert event == FuseBlown(
        5, GOPLS, 42, FuseScope.JOB, 10 * PAGE_SIZE, 20 * PAGE_SIZE, 30 * PAGE_SIZE, SIGSTOP
    )
    assert not list(fuses.unreported(0))


def test_process_that_has_ended_is_removed_from_the_map(
    maps: FakeMaps, fuses: KernelFuses
) -> None:
    put_stop(maps, GOPLS)
    fuses.forget(GOPLS)
    assert stopped(maps) == set()
    fuses.forget(GOPLS)


def test_stop_and_the_kill_after_it_are_both_new(fuses: KernelFuses) -> None:
    """Another program had resumed it again and again."""
    stop = FuseBlown(5, GOPLS, 42, FuseScope.JOB, 1, 2, 3, SIGSTOP)
    kill = FuseBlown(6, GOPLS, 42, FuseScope.JOB, 1, 2, 3, SIGKILL, resumed=5)
    assert [fuses.accept(event) for event in (stop, kill, stop, kill)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_stop_that_is_read_after_the_kill_is_not_reported(fuses: KernelFuses) -> None:
    stop = FuseBlown(5, GOPLS, 42, FuseScope.JOB, 1, 2, 3, SIGSTOP)
    kill = FuseBlown(6, GOPLS, 42, FuseScope.JOB, 1, 2, 3, SIGKILL)
    assert [fuses.accept(event) for event in (kill, stop)] == [True, False]


def test_process_that_shares_the_memory_of_another_names_its_owner(
    maps: FakeMaps, fuses: KernelFuses
) -> None:
    value = STOP.pack(77, 42, 5, 10, 20, 30, GOPLS.start_boottime_ns, 99, 1, SIGKILL,
                      GOPLS.pid, 5, 0)  # fmt: skip
    maps.put("stopped", 99, value, "=I")
    (event,) = fuses.unreported(0)
    assert (event.key, event.owner, event.tracked) == (ProcessKey(99, 77), GOPLS, GOPLS)
    assert (event.killed, event.resumed) == (True, 5)


def test_reused_pid_stays_in_the_map(maps: FakeMaps, fuses: KernelFuses) -> None:
    put_stop(maps, ProcessKey(GOPLS.pid, GOPLS.start_boottime_ns + 1))
    fuses.forget(GOPLS)
    assert stopped(maps) == {GOPLS.pid}


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours, which nothing but the fuse signals."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def filled(pid: int, number: int = SIGSTOP, later_ns: int = 0) -> FuseBlown:
    """Another process's write took it past its bound, or one that has its pid later."""
    stat = proc.read_stat(pid)
    assert stat is not None
    key = ProcessKey(pid, stat.start_boottime_ns + later_ns)
    return FuseBlown(5, key, 42, FuseScope.JOB, 1, 2, 3, number, filled=True)


@pytest.mark.parametrize("number", [SIGSTOP, SIGKILL])
def test_process_that_another_filled_is_sent_the_signal_once(
    maps: FakeMaps, fuses: KernelFuses, child: "subprocess.Popen[bytes]", number: int
) -> None:
    event = filled(child.pid, number)
    put_stop(maps, event.key, number, filled=True)
    assert fuses.accept(event)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert (os.WSTOPSIG if number == SIGSTOP else os.WTERMSIG)(status) == number
    assert not fuses.accept(event)
    assert not list(fuses.unreported(0))


def test_stop_that_the_kernel_has_sent_meanwhile_is_not_sent_again(
    maps: FakeMaps, fuses: KernelFuses, child: "subprocess.Popen[bytes]"
) -> None:
    event = filled(child.pid)
    put_stop(maps, event.key, filled=False)
    assert fuses.accept(event)
    assert not stopped_or_ended(child.pid)


def test_cleared_stop_and_one_of_an_earlier_process_are_neither_sent_nor_reported(
    maps: FakeMaps, fuses: KernelFuses, child: "subprocess.Popen[bytes]"
) -> None:
    assert not fuses.accept(filled(child.pid))
    earlier = filled(child.pid, later_ns=-1_000_000_000)
    put_stop(maps, earlier.key, filled=True)
    assert not fuses.accept(earlier)
    assert not stopped_or_ended(child.pid)


def test_signal_that_could_not_be_sent_is_sent_at_the_next_reading(
    maps: FakeMaps,
    fuses: KernelFuses,
    child: "subprocess.Popen[bytes]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = filled(child.pid)
    put_stop(maps, event.key, filled=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", no_descriptor)
        assert not fuses.accept(event)
        assert not list(fuses.unreported(0))
    assert [found.key for found in fuses.unreported(0)] == [event.key]
    assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])


def no_descriptor(_pid: int) -> int:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def stopped_or_ended(pid: int) -> bool:
    """Whether a signal has stopped or ended our child."""
    return os.waitpid(pid, os.WUNTRACED | os.WNOHANG) != (0, 0)


def put_stops(maps: FakeMaps, pids: range, cgroup_id: int) -> None:
    """Of processes in one cgroup below the root."""
    for pid in pids:
        put_stop(maps, ProcessKey(pid, 1))
        maps.put("stopped_paths", pid, struct.pack("=9Q", 1, cgroup_id, *[0] * 7), "=I")


def test_stops_of_one_job_wait_for_later_readings_and_keep_no_other_waiting(
    maps: FakeMaps, fuses: KernelFuses
) -> None:
    put_stops(maps, range(1, 201), 42)
    put_stops(maps, range(301, 311), 43)
    seconds = [[event.key.pid for event in fuses.unreported(n * 10**9)] for n in range(4)]
    assert seconds[0] == [*range(1, 97), *range(301, 311)]
    assert seconds[1] == list(range(97, 193))
    assert seconds[2:] == [list(range(193, 201)), []]


def test_kill_and_signal_to_be_sent_wait_for_no_share(
    maps: FakeMaps, fuses: KernelFuses, child: "subprocess.Popen[bytes]"
) -> None:
    put_stops(maps, range(1, 201), 42)
    put_stop(maps, GOPLS, SIGKILL)
    event = filled(child.pid)
    put_stop(maps, event.key, filled=True)
    found = [event.key for event in fuses.unreported(0)]
    assert found[-2:] == [GOPLS, event.key]
