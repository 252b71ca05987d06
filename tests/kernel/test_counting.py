"""What the events alone count, without a reading in between: each page, on whichever CPU.

A kernel counter is a base and a part of each CPU. A process that moves between CPUs, or has
threads on several, leaves parts behind, some below zero, and many pages at once reach the base
without a trace in any part.
"""

import os
import signal
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.probe import Selection
from ebpftrace.probe.loading import bpf
from tests.support.disks import sparse_file
from tests.support.names import unique_comm
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import PAGE, Workload

MIB = 1 << 20
COMM = unique_comm()
FIRST, LAST = (sorted(os.sched_getaffinity(0))[at] for at in (0, -1))


@pytest.fixture(
    scope="module",
    params=[{}, {"by_helper": True}, {"more_cpus": 62}],
    ids=["direct", "by-helper", "more-cpus"],
)
def observer(request: pytest.FixtureRequest) -> Iterator[Observer]:
    observer = Observer(Selection(comms=(COMM,)), **request.param)
    yield observer
    observer.close()


@pytest.fixture
def workload() -> Iterator[Workload]:
    with Workload(COMM) as workload:
        yield workload


@pytest.fixture
def disk_file() -> Iterator[Path]:
    with sparse_file(8 * MIB) as file:
        yield file


def drift(observer: Observer, workload: Workload) -> int:
    """By how much a reading corrects what the events had counted."""
    assert observer.counters(workload.pid).usage.resident_bytes > 0
    return observer.probe.drift_bytes


@pytest.mark.parametrize(
    "commands",
    [
        ("map 3MiB", "touch 0", "dontneed 0 0 1MiB", "touch 0"),
        ("map 20MiB", "thp on", "touch 0", "dontneed 0 0 10MiB", "touch 0"),
        ("mapfile {file} 8MiB shared", "look 0", "unmap 0", "mapfile {file} 8MiB private"),
        ("shmem 5MiB", "touch 0", "unmap 0", "shmem 5MiB", "touch 1"),
        ("threads 4 1MiB", "threads 7 1MiB", "threads 2 3MiB"),
        ("brk +3MiB", "brk -2MiB", "brk +1MiB", "grow 1GiB 6MiB"),
    ],
    ids=["pages", "huge pages", "a file", "shared memory", "threads", "brk"],
)
def test_reading_corrects_nothing_after_moves_between_cpus(
    observer: Observer, workload: Workload, disk_file: Path, commands: tuple[str, ...]
) -> None:
    observer.counters(workload.pid)
    for at, command in enumerate(commands):
        os.sched_setaffinity(workload.pid, {LAST if at % 2 else FIRST})
        if command.startswith("threads"):
            os.sched_setaffinity(workload.pid, {FIRST, LAST})
        workload.do(command.format(file=disk_file))
    threads = len(list(Path(f"/proc/{workload.pid}/task").iterdir()))  # each may lag
    assert drift(observer, workload) <= max(threads * observer.lag_bytes, 2 * PAGE)


def test_single_pages_on_two_cpus_in_turn(observer: Observer, workload: Workload) -> None:
    """One CPU takes what the other gives back: their parts grow away from each other."""
    workload.do("map 1MiB")
    observer.counters(workload.pid)
    for page in range(100):
        os.sched_setaffinity(workload.pid, {FIRST})
        workload.do(f"touch 0 {page * PAGE} {PAGE}")
        os.sched_setaffinity(workload.pid, {LAST})
        workload.do(f"dontneed 0 {page * PAGE} {PAGE}")
    assert drift(observer, workload) <= max(observer.lag_bytes, 2 * PAGE)


@pytest.mark.parametrize("pages", [1, 31, 32, 33, 512, 4000])
def test_peak_is_kept_to_the_page_across_cpus(
    observer: Observer, workload: Workload, pages: int
) -> None:
    workload.do("map 20MiB")
    os.sched_setaffinity(workload.pid, {FIRST})
    workload.do("touch 0 0 1MiB")
    os.sched_setaffinity(workload.pid, {LAST})
    workload.do("dontneed 0 0 512KiB")
    workload.do(f"touch 0 1MiB {pages * PAGE}")
    highest = workload.smaps_rollup()["Rss"]
    os.sched_setaffinity(workload.pid, {FIRST})
    workload.do(f"dontneed 0 1MiB {pages * PAGE}")
    peak = observer.counters(workload.pid).peak_bytes
    # Before, 128 pages more were there than the 512 KiB that are left.
    lag = observer.lag_bytes + 3 * PAGE
    assert abs(peak - max(highest, highest - pages * PAGE + 512 * 1024)) <= lag


def test_peak_is_not_above_what_many_threads_ever_held(
    observer: Observer, workload: Workload
) -> None:
    """A CPU's part that another CPU's event finds in the base already is not counted twice."""
    os.sched_setaffinity(workload.pid, {FIRST, LAST})
    workload.do("threads 16 2MiB")
    highest = workload.smaps_rollup()["Rss"]
    assert observer.counters(workload.pid).peak_bytes <= highest + 3 * PAGE


@pytest.mark.parametrize("others", [0, 3], ids=["one thread", "four threads"])
def test_munmap_is_counted_once_while_others_hold_its_lock(
    observer: Observer, workload: Workload, others: int
) -> None:
    """munmap ends with a lock that a reader of its mappings may hold as well."""
    if others:
        workload.do(f"threads {others} 1MiB")
    before = observer.counters(workload.pid)
    ended = threading.Event()

    def read_mappings() -> None:
        while not ended.is_set():
            workload.smaps_rollup()

    reader = threading.Thread(target=read_mappings)
    reader.start()
    try:
        workload.do("churn 500 128KiB")
    finally:
        ended.set()
        reader.join()
    after = observer.counters(workload.pid)
    taken = after.mapped_bytes - before.mapped_bytes
    returned = after.unmapped_bytes - before.unmapped_bytes
    assert taken == returned == 500 * 128 * 1024


def test_each_tracked_process_is_counted_once_by_its_memorys_address(
    observer: Observer, workload: Workload
) -> None:
    """A count that is too low would hide a process's pages, one too high only cost time."""
    observer.counters(workload.pid)
    assert _counted(observer) == len(observer.probe._processes.entries())
    workload.do("map 1MiB")
    workload.do("touch 0")
    workload.do("lend 0")
    (child,) = map(int, workload.do("fork; touch 0"))
    observer.counters(child)
    workload.do(f"exec {workload.program}")  # another memory under the same pid
    observer.counters(workload.pid)
    assert _counted(observer) == len(observer.probe._processes.entries())
    workload.do("map 1MiB")
    before = observer.counters(workload.pid).usage.anon_bytes
    workload.do("touch 0")
    assert observer.counters(workload.pid).usage.anon_bytes - before == MIB
    workload.close_input()
    os.kill(child, signal.SIGKILL)

    def all_have_ended() -> bool:
        observer.read()
        return _counted(observer) == 0

    until(all_have_ended)


def _counted(observer: Observer) -> int:
    fd = observer.probe._programs.map_fd("tracked_mms")
    _kind, _key_size, value_size, _entries, _flags = bpf.map_shape(fd)
    counts = bpf.lookup(fd, bytes(4), value_size)
    assert counts is not None
    return sum(array("I", counts))
