"""Resident memory is counted by kind, to the page, and attributed to its owner."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.counters import ProcessCounters, Usage
from ebpftrace.events import ProcessExited
from ebpftrace.probe import Selection
from tests.support.cgroups import memory_cgroup
from tests.support.disks import sparse_file
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import PAGE, Workload, smaps_rollup, status

MIB = 1 << 20


@pytest.fixture(scope="module", params=[False, True], ids=["direct", "by-helper"])
def observer(request: pytest.FixtureRequest) -> Iterator[Observer]:
    observer = Observer(Selection(comms=(COMM,)), by_helper=request.param)
    yield observer
    observer.close()


@pytest.fixture
def disk_file() -> Iterator[Path]:
    with sparse_file(8 * MIB) as file:
        yield file


def _kinds(counters: ProcessCounters) -> tuple[int, int, int]:
    usage = counters.usage
    return usage.anon_bytes, usage.file_bytes, usage.shmem_bytes


@pytest.mark.parametrize(
    ("commands", "anon", "file", "shmem"),
    [
        (["map 100MiB", "touch 0"], 100, 0, 0),
        (["map 64MiB 0xc000000000", "touch 0"], 64, 0, 0),
        (["map 100MiB", "touch 0 10MiB 20MiB"], 20, 0, 0),
        (["map 100MiB", "touch 0", "remap 0 60MiB"], 60, 0, 0),
        (["map 100MiB", "touch 0", "unmap 0 10MiB 30MiB"], 70, 0, 0),
        (["map 100MiB", "touch 0", "dontneed 0 0 25MiB"], 75, 0, 0),
        (["brk +7MiB"], 7, 0, 0),
        (["brk +7MiB", "brk -5MiB"], 2, 0, 0),
        (["shmem 16MiB", "touch 0"], 0, 0, 16),
        (["mapfile {file} 8MiB shared", "look 0"], 0, 8, 0),
        (["mapfile {file} 8MiB private", "look 0", "touch 0 0 3MiB"], 3, 5, 0),
        (["threads 4 1MiB"], 4, 0, 0),
        (["grow 1GiB 12MiB"], 12, 0, 0),
    ],
)
def test_touched_memory_is_counted_by_kind(
    observer: Observer, disk_file: Path, commands: list[str], anon: int, file: int, shmem: int
) -> None:
    with Workload(COMM) as workload:
        before = _kinds(observer.counters(workload.pid))
        for command in commands:
            workload.do(command.format(file=disk_file))
        counters = observer.counters(workload.pid)
        gained = [now - then for now, then in zip(_kinds(counters), before, strict=True)]
        for booked, asked in zip(gained, (anon, file, shmem), strict=True):
            assert abs(booked - asked * MIB) <= PAGE
        rollup = workload.smaps_rollup()
        assert abs(counters.usage.resident_bytes - rollup["Rss"]) <= 3 * PAGE
        assert abs(counters.usage.anon_bytes - rollup["Anonymous"]) <= PAGE


def test_peak_between_two_readings_is_kept(observer: Observer) -> None:
    with Workload(COMM) as workload:
        workload.do("map 200MiB")
        workload.do("touch 0")
        workload.do("unmap 0")
        counters = observer.counters(workload.pid)
        assert counters.usage.resident_bytes < 20 * MIB
        assert abs(counters.peak_bytes - workload.status()["VmHWM"]) < 2 * MIB
        assert counters.peak_bytes >= 200 * MIB


def test_memory_taken_by_another_process_belongs_to_its_owner(observer: Observer) -> None:
    """A debugger's write breaks sharing in the target's mm, while the debugger runs."""
    with Workload(COMM) as workload:
        address = int(workload.do("map 4MiB")[1], 16)
        before = observer.counters(workload.pid)
        poke = (
            "import sys\n"
            "with open(f'/proc/{sys.argv[1]}/mem', 'r+b', buffering=0) as mem:\n"
            "    for at in range(0, 4 << 20, 4096):\n"
            "        mem.seek(int(sys.argv[2]) + at)\n"
            "        mem.write(b'x')\n"
        )
        subprocess.run(
            ["/usr/bin/python3", "-c", poke, str(workload.pid), str(address)], check=True
        )
        after = observer.counters(workload.pid)
        assert after.usage.anon_bytes - before.usage.anon_bytes == 4 * MIB


def test_forked_child_has_its_inherited_memory(observer: Observer) -> None:
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        workload.do("touch 0")
        (child,) = map(int, workload.do("fork; touch 0 0 4MiB; map 1MiB; touch 1"))
        counters = observer.counters(child)
        resident = smaps_rollup(child)["Rss"]
        assert abs(counters.usage.resident_bytes - resident) <= 3 * PAGE
        assert counters.inherited.anon_bytes >= 64 * MIB
        own = counters.usage.less(counters.inherited)
        assert MIB <= own.anon_bytes < 2 * MIB


def test_inherited_memory_becomes_the_childs_when_the_parent_ends(
    observer: Observer,
) -> None:
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        workload.do("touch 0")
        (child,) = map(int, workload.do("fork"))
        assert observer.counters(child).inherited.anon_bytes >= 64 * MIB
        workload.send("exit 0")
        workload.wait()
        observer.last(ProcessExited, lambda event: event.key.pid == workload.pid)
        assert observer.counters(child).inherited.anon_bytes == 0
        assert observer.counters(child).usage.anon_bytes >= 64 * MIB


@pytest.mark.parametrize("kept", [0, 24 * MIB, 64 * MIB])
def test_what_a_parent_gives_back_becomes_the_childs(observer: Observer, kept: int) -> None:
    """To the byte, and for good: what the parent takes then is another's."""
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        workload.do("touch 0")
        (child,) = map(int, workload.do("fork; fork"))
        before = observer.counters(child)
        if kept < 64 * MIB:
            workload.do(f"dontneed 0 0 {64 * MIB - kept}")
        counters = observer.counters(child)
        workload.do("touch 0")
        assert counters.usage == before.usage
        given_back = before.inherited.anon_bytes - counters.inherited.anon_bytes
        assert given_back == 64 * MIB - kept
        assert observer.counters(child) == counters


def test_memory_is_the_childs_once_its_parent_executes_a_program(observer: Observer) -> None:
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        workload.do("touch 0")
        (child,) = map(int, workload.do("fork"))
        assert observer.counters(child).inherited.anon_bytes >= 64 * MIB
        workload.do(f"exec {workload.program}")
        counters = observer.counters(child)
        assert counters.inherited == Usage()
        assert counters.usage.anon_bytes >= 64 * MIB


def test_vfork_child_is_not_counted_twice(
    observer: Observer,
) -> None:
    """posix_spawn, vfork and Go's os/exec share the mm until exec."""
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        workload.do("touch 0")
        (child,) = map(int, workload.do(f"spawn {workload.program}; map 2MiB; touch 0"))
        counters = observer.counters(child)
        assert counters.inherited.resident_bytes == 0
        assert counters.usage.anon_bytes < 3 * MIB
        assert counters.peak_bytes < 10 * MIB  # ru_maxrss would say 64 MiB here


def test_running_process_is_counted_from_the_first_reading() -> None:
    with Workload("early") as workload:
        workload.do("map 50MiB")
        workload.do("touch 0")
        workload.do("dontneed 0 0 30MiB")
        observer = Observer(Selection(comms=("early",)))
        try:
            started = observer.started(workload.pid)
            assert started.how == "found"
            counters = observer.counters(workload.pid)
            assert abs(counters.usage.anon_bytes - workload.smaps_rollup()["Anonymous"]) <= PAGE
            assert counters.virtual_bytes == workload.statm()["virtual"]
            assert counters.mapped_bytes == 0
            assert abs(counters.peak_bytes - status(workload.pid)["VmHWM"]) < MIB
        finally:
            observer.close()


def test_charge_limit_and_peak_are_those_of_the_kernel(observer: Observer) -> None:
    with (
        memory_cgroup(limit=300 * MIB) as outer,
        memory_cgroup(parent=outer) as inner,
        Workload(COMM, cgroup=inner) as workload,
    ):
        workload.do("map 100MiB")
        workload.do("touch 0")

        def read_at_one_time() -> bool:  # what the kernel needs for itself comes and goes
            counters = observer.cgroup(inner.id).counters
            assert counters.headroom_bytes is not None
            there = (inner.charge_bytes(), outer.charge_bytes())
            return (counters.charge_bytes, 300 * MIB - counters.headroom_bytes) == there

        until(read_at_one_time)
        counters = observer.cgroup(inner.id).counters
        assert counters.limit_bytes == 300 * MIB  # the tightest one above it
        assert counters.peak_charge_bytes >= counters.charge_bytes >= 100 * MIB


def test_cgroup_without_a_limit_has_none(observer: Observer) -> None:
    with memory_cgroup() as group, Workload(COMM, cgroup=group):
        assert observer.cgroup(group.id).counters.limit_bytes is None
        assert observer.cgroup(group.id).counters.headroom_bytes is None


def test_events_alone_are_exact() -> None:
    """Or as near as the probe says: a thread may keep 64 page faults to itself."""
    observer = Observer(Selection(comms=(COMM,)))
    try:
        with Workload(COMM) as workload:
            workload.do("map 100MiB")
            workload.do("touch 0")
            observer.read()
            # The last reading corrected nothing: the events alone were exact.
            assert observer.probe.drift_bytes <= max(observer.lag_bytes, 2 * PAGE)
    finally:
        observer.close()
