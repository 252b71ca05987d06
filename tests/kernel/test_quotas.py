"""Quotas of the shared tables: one job's flood leaves room for every other job."""

import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ebpftrace.events import (
    CgroupRead,
    FuseScope,
    ProcessStarted,
    QuotaReached,
    SharedTable,
)
from ebpftrace.host.cgroups import ROOT_ID
from ebpftrace.probe import FuseDefault, Selection
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.structs import QUOTA
from ebpftrace.units import KIB
from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import delegated
from tests.support.observer import Observer
from tests.support.process_state import state, until
from tests.support.tables import Tables
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOG, VICTIM = f"hog-{os.getpid()}", f"victim-{os.getpid()}"  # of this test alone
BOTH = Selection(comms=(HOG, VICTIM))


@contextmanager
def flood(group: MemoryCgroup, attack: str, *arguments: object) -> Iterator[None]:
    """A flood by an unprivileged user that owns the cgroup."""
    begin = delegated(group, makes_cgroups=attack in ("spread", "tour", "churn"))
    with TemporaryDirectory() as folder:
        program = named(flood_binary(), HOG, Path(folder))
        command = begin.inside([program, attack, *map(str, arguments)])
        process = subprocess.Popen(command)
        try:
            yield
        finally:
            process.kill()
            group.remove()
            process.wait()


def processes_below(group: MemoryCgroup) -> int:
    """All that run in the cgroup and below it."""
    return sum(
        len((Path(folder) / "cgroup.procs").read_text().split())
        for folder, _, _ in os.walk(group.path)
    )


def started(observer: Observer) -> set[int]:
    observer.read()
    return {event.key.pid for event in observer.all(ProcessStarted)}


@contextmanager
def observed(**options: int) -> Iterator[Observer]:
    observer = Observer(BOTH, **options)
    try:
        yield observer
    finally:
        observer.close()


@pytest.mark.parametrize("attack", ["crowd", "spread"])
def test_processes_of_one_job_leave_room_for_another_job(attack: str) -> None:
    """Also where each of them is in a cgroup of its own."""
    with observed(max_processes=32) as observer, memory_cgroup() as crowded:
        folder = (crowded.path,) if attack == "spread" else ()
        with flood(crowded, attack, *folder, 60):
            until(lambda: processes_below(crowded) == 61)
            with memory_cgroup() as group, Workload(VICTIM, cgroup=group) as victim:
                pids = started(observer)
                assert victim.pid in pids
                assert len(pids) == 28 + 1  # 7/8 of the table
                assert observer.probe.losses()["processes_full"] == 61 - 28
                reached = observer.last(QuotaReached, lambda _: True)
                assert (reached.table, reached.entries) == (SharedTable.PROCESSES, 28)
                assert reached.cgroup_id == crowded.id
                assert (reached.size, reached.missed) == (32, 61 - 28)


def test_records_of_one_job_leave_room_for_another_job() -> None:
    """A start that is found in the map instead, for want of a record, has no arguments."""
    with (
        observed(ring_bytes=1 << 16) as observer,
        memory_cgroup() as crowded,
        flood(crowded, "spread", crowded.path, 200),
    ):
        until(lambda: processes_below(crowded) == 201)
        with memory_cgroup() as group, Workload(VICTIM, cgroup=group) as victim:
            assert victim.pid in started(observer)
            assert observer.started(victim.pid).args
            assert observer.probe.losses()["ring_start"] > 0


def test_cgroups_that_a_process_goes_through_leave_room_for_another_job() -> None:
    with observed(max_cgroups=32) as observer, memory_cgroup() as toured:
        with flood(toured, "tour", toured.path, 100):
            until(lambda: (toured.path / "99").exists() and processes_in(toured.path / "0"))
            with memory_cgroup() as group, Workload(VICTIM, cgroup=group):
                observer.read()
                assert group.id in {event.cgroup_id for event in observer.all(CgroupRead)}
                assert "cgroups_full" not in observer.probe.losses()  # unused are evicted
        until(lambda: left(observer) == 0)


def test_cgroups_with_a_process_each_leave_room_for_another_job() -> None:
    with observed(max_cgroups=32) as observer, memory_cgroup() as crowded:
        with flood(crowded, "spread", crowded.path, 100):
            until(lambda: processes_below(crowded) == 101)
            with memory_cgroup() as group, Workload(VICTIM, cgroup=group):
                observer.read()
                assert group.id in {event.cgroup_id for event in observer.all(CgroupRead)}
                reached = observer.last(QuotaReached, lambda _: True)
                assert (reached.cgroup_id, reached.table) == (crowded.id, SharedTable.CGROUPS)
        until(lambda: left(observer) == 0)


def test_cgroup_without_room_has_its_counters_once_there_is_room() -> None:
    with (
        observed(max_cgroups=4) as observer,
        memory_cgroup() as crowded,
        memory_cgroup() as group,
        flood(crowded, "spread", crowded.path, 20),
    ):
        until(lambda: processes_below(crowded) == 21)
        with Workload(VICTIM, cgroup=group):
            assert not is_read(observer, group)
            crowded.remove()
            until(lambda: is_read(observer, group))


def test_stopped_processes_of_one_job_leave_room_for_another_job() -> None:
    fuse = FuseDefault(FuseScope.PROCESS, 64 * KIB, share=False, signal=signal.SIGSTOP)
    observer = Observer(BOTH, watermarks=True, fuse=fuse)
    try:
        sizes = observer.probe._programs.map_fd("table_sizes")
        number = list(SharedTable).index(SharedTable.STOPPED)
        bpf.update(sizes, struct.pack("=I", number), struct.pack("=q", 16))
        with (
            memory_cgroup() as crowded,
            memory_cgroup() as group,
            flood(crowded, "grow", 30),
        ):
            until(lambda: stopped(observer, crowded) == 14)
            with flood(group, "grow", 1):
                until(lambda: stopped(observer, group) == 1)
            assert stopped(observer, crowded) == 14
            assert observer.probe.losses()["stopped_full"] > 0
            reached = observer.last(QuotaReached, lambda _: True)
            assert (reached.cgroup_id, reached.table) == (crowded.id, SharedTable.STOPPED)
        until(lambda: left(observer) == 0)
    finally:
        observer.close()


def test_calls_of_one_process_leave_room_for_each_other_process() -> None:
    """With `--mapping-calls`: what does not fit is counted as another kind of call."""
    with (
        observed(max_processes=32, mapping_calls=True) as observer,
        memory_cgroup() as crowded,
        memory_cgroup() as group,
        Workload(VICTIM, cgroup=group) as victim,
    ):
        with flood(crowded, "map", 64):
            until(lambda: observer.probe.losses().get("calls_full", 0) > 0)
            before = observer.counters(victim.pid)
            for _ in range(20):
                victim.do("map 1MiB")
            after = observer.counters(victim.pid)
        assert before.calls is not None
        assert after.calls is not None
        assert after.calls["mmap"].calls - before.calls["mmap"].calls == 20
        assert after.calls["other"] == before.calls["other"]
        until(lambda: not Tables(observer).calls())


def stopped(observer: Observer, group: MemoryCgroup) -> int:
    observer.read()
    return sum(state(pid) == "T" for pid in group.pids())


def test_nothing_remains_of_processes_and_cgroups_that_are_gone() -> None:
    """Short processes, moves between cgroups, and cgroups that are made and removed."""
    with observed() as observer, memory_cgroup() as churned:
        with flood(churned, "churn", churned.path):
            until(lambda: made(churned.path) > 2000)
            observer.read()
        with (
            memory_cgroup(name="/".join("abcdefghijkl")) as deep,
            Workload(VICTIM, cgroup=deep) as victim,
        ):
            victim.do("burst 50 200; exit 0")
            assert victim.pid in started(observer)
            assert left(observer) > 0
        until(lambda: left(observer) == 0)
        until(lambda: known(observer) <= {ROOT_ID})
        until(lambda: not wrong(observer))


@pytest.mark.parametrize("by", [-3, 5])
def test_entries_that_are_counted_wrongly_are_counted_anew(by: int) -> None:
    """As two programs leave them that run at once: of each table, of a job and of the root."""
    names = list(SharedTable)
    fuse = FuseDefault(FuseScope.PROCESS, 256 * KIB, share=False, signal=signal.SIGSTOP)
    observer = Observer(
        Selection(comms=(HOG, VICTIM), children=True), watermarks=True, fuse=fuse
    )
    try:
        with memory_cgroup() as group, flood(group, "grow", 3):
            until(lambda: stopped(observer, group) == 3)
            found = Tables(observer)
            assert not found.wrong_quotas()
            fd = observer.probe._programs.map_fd("quotas")
            for cgroup_id in (ROOT_ID, group.id):
                key = struct.pack("=Q", cgroup_id)
                parent, *numbers = QUOTA.unpack(bpf.lookup(fd, key, QUOTA.size) or b"")
                tables = len(names) + 1  # with that of the quotas
                counts, used, shares = numbers[:tables], numbers[tables], numbers[tables + 1 :]
                counts = [count + by for count in counts]
                value = QUOTA.pack(parent, *counts, used + by * len(names), *shares)
                bpf.update(fd, key, value)
            assert len(found.wrong_quotas()) == 2 * (len(names) + 1)
            until(lambda: not wrong(observer))
            quota = observer.probe._quotas.read()[group.id]
            assert quota.used == sum(quota.entries.values())
    finally:
        observer.close()


def wrong(observer: Observer) -> object:
    observer.read()
    return Tables(observer).wrong_quotas()


def is_read(observer: Observer, group: MemoryCgroup) -> bool:
    observer.read()
    return any(event.cgroup_id == group.id for event in observer.all(CgroupRead))


def processes_in(folder: Path) -> bool:
    return bool((folder / "cgroup.procs").read_text().strip())


def made(folder: Path) -> int:
    return max((int(path.name) for path in folder.iterdir() if path.name.isdigit()), default=0)


def left(observer: Observer) -> int:
    """Entries of all tables that are counted for some cgroup."""
    observer.read()
    return sum(abs(quota.used) for quota in observer.probe._quotas.read().values())


def known(observer: Observer) -> set[int]:
    observer.read()
    return set(observer.probe._quotas.read())
