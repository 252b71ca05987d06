"""Address space is booked to the byte, whichever way it is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.counters import ProcessCounters
from ebpftrace.errors import ProbeError
from ebpftrace.probe import Selection
from ebpftrace.probe.calls import CallTraceMethod, choose
from ebpftrace.probe.loading.btf import Btf
from tests.support.disks import sparse_file
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.workload import Workload

MIB = 1 << 20


def _named(method: CallTraceMethod | None) -> str:
    return "default" if method is None else method.name.lower()


@pytest.fixture(scope="module", params=[None, *CallTraceMethod], ids=_named)
def observer(request: pytest.FixtureRequest) -> Iterator[Observer]:
    """By mmap_lock_released alone (or what stands in for it), then with each method."""
    method: CallTraceMethod | None = request.param
    if method is not None:
        try:
            choose(Btf.of_kernel(), method)
        except ProbeError as error:
            pytest.skip(f"this kernel does not allow {method.in_words}: {error.why}")
    observer = Observer(
        Selection(comms=(COMM,)), mapping_calls=method is not None, method=method
    )
    yield observer
    observer.close()


@pytest.fixture
def disk_file() -> Iterator[Path]:
    with sparse_file(8 * MIB) as file:
        yield file


@pytest.mark.parametrize(
    ("commands", "mapped", "unmapped", "brk"),
    [
        (["map 100MiB"], 100, 0, 0),
        (["map 64MiB 0xc000000000"], 64, 0, 0),  # as the Go runtime maps its arenas
        (["map 100MiB", "touch 0"], 100, 0, 0),
        (["map 100MiB", "remap 0 150MiB"], 150, 0, 0),
        (["map 100MiB", "remap 0 60MiB"], 100, 40, 0),
        (["map 150MiB", "unmap 0 10MiB 30MiB"], 150, 30, 0),
        (["map 100MiB", "fixed 0 0 64MiB"], 100, 0, 0),
        (["shmem 16MiB", "touch 0"], 16, 0, 0),
        (["mapfile {file} 8MiB shared"], 8, 0, 0),
        (["mapfile {file} 8MiB private"], 8, 0, 0),
        (["brk +7MiB"], 0, 0, 7),
        (["brk +7MiB", "brk -5MiB"], 0, 0, 2),
        (["threads 4 1MiB"], 4, 0, 0),
        (["churn 20 1MiB"], 20, 20, 0),
        (["grow 1GiB 12MiB"], 12, 0, 0),
    ],
)
def test_address_space_is_counted_to_the_byte(
    observer: Observer,
    disk_file: Path,
    commands: list[str],
    mapped: int,
    unmapped: int,
    brk: int,
) -> None:
    with Workload(COMM) as workload:
        before, virtual = observer.counters(workload.pid), workload.statm()["virtual"]
        for command in commands:
            workload.do(command.format(file=disk_file))
        after = observer.counters(workload.pid)
        assert after.mapped_bytes - before.mapped_bytes == mapped * MIB
        assert after.unmapped_bytes - before.unmapped_bytes == unmapped * MIB
        assert after.brk_bytes - before.brk_bytes == brk * MIB
        assert after.virtual_bytes - before.virtual_bytes == (mapped - unmapped + brk) * MIB
        assert workload.statm()["virtual"] - virtual == (mapped - unmapped + brk) * MIB


def test_every_method_counts_the_same(disk_file: Path) -> None:
    """Each method that works here is used: the same program, seen at the same time.

    Since Linux 5.11 the bytes come from mmap_lock_released whatever the method, so it is in
    `calls` that the method could differ. They must not: each sees a call begin before the
    lock is taken and end after it is released, with the same arguments and the same result.
    The tracepoints are of every system call, the others of the four functions; what only
    the first would see (a call that seccomp or a tracer turned away) has failed for both.

    What may differ: `usage` and `peak_bytes`, read of one observer after the other, and the
    default's `calls`, which are None unless it has to trace the calls for the bytes.
    """
    observers = {}
    try:
        for method in (None, *CallTraceMethod):
            try:
                if method is not None:
                    choose(Btf.of_kernel(), method)
            except ProbeError:
                continue  # those that this kernel does not allow are named by the tests above
            observers[_named(method)] = Observer(
                Selection(comms=(COMM,)), mapping_calls=method is not None, method=method
            )
        if len(observers) < 2:
            pytest.skip("this kernel allows one method only: there is nothing to compare")
        with Workload(COMM) as workload:
            began = {name: one.counters(workload.pid) for name, one in observers.items()}
            for command in (
                "map 100MiB", "remap 0 150MiB", "unmap 0 10MiB 30MiB", "map 64MiB 0xc000000000",
                "fixed 1 0 16MiB", f"mapfile {disk_file} 8MiB shared", "brk +7MiB", "brk -5MiB",
                "threads 4 1MiB", "churn 20 1MiB",
            ):  # fmt: skip
                workload.do(command)
            with pytest.raises(OSError, match="EINVAL"):
                workload.do("map 0")  # what fails is no call
            booked = {name: one.counters(workload.pid) for name, one in observers.items()}
        first = booked["default"]
        assert first.mapped_bytes >= 246 * MIB
        counted = {name: one.calls for name, one in booked.items() if one.calls is not None}
        assert counted.keys() >= booked.keys() - {"default"}
        for name, counters in booked.items():
            alike = counters._replace(
                calls=first.calls, usage=first.usage, peak_bytes=first.peak_bytes
            )
            assert alike == first, name
        for name, calls in counted.items():
            assert calls == next(iter(counted.values())), name  # from the exec on
            assert _by_calls(booked[name]) - _by_calls(began[name]) == (
                _by_counters(booked[name]) - _by_counters(began[name])
            ), name
    finally:
        for observer in observers.values():
            observer.close()


def _by_calls(counters: ProcessCounters) -> int:
    """What all calls together added to the address space, bytes."""
    assert counters.calls is not None
    return sum(one.gained_bytes - one.released_bytes for one in counters.calls.values())


def _by_counters(counters: ProcessCounters) -> int:
    """The same without asking whose call it was; a stack grows by no call."""
    return counters.mapped_bytes - counters.unmapped_bytes + counters.brk_bytes


def test_heap_that_ends_within_a_page_is_counted_to_the_byte(observer: Observer) -> None:
    with Workload(COMM) as workload:
        before = observer.counters(workload.pid)
        workload.do("brk +12345")
        after = observer.counters(workload.pid)
        assert after.brk_bytes - before.brk_bytes == 12345
        assert after.brk_moves - before.brk_moves == 1
        assert after.mapped_bytes == before.mapped_bytes


def test_growing_stack_is_not_counted_as_a_mapping(observer: Observer) -> None:
    with Workload(COMM) as workload:
        before = observer.counters(workload.pid)
        workload.do("stack 2MiB")
        workload.do("map 1MiB")  # the stack's growth is noticed with the next call
        after = observer.counters(workload.pid)
        assert after.mapped_bytes - before.mapped_bytes == MIB
        assert after.stack_bytes - before.stack_bytes > MIB


def test_exec_starts_new_counters(observer: Observer) -> None:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        workload.do(f"exec {workload.program}")
        workload.do("map 3MiB")
        counters = observer.counters(workload.pid)
        assert 3 * MIB <= counters.mapped_bytes < 4 * MIB
        assert observer.exited(workload.pid).executed


@pytest.mark.parametrize("observer", CallTraceMethod, ids=_named, indirect=True, scope="module")
def test_kinds_of_calls_are_counted_separately(observer: Observer) -> None:
    """Every method counts the same calls of the same program."""
    with Workload(COMM) as workload:
        before = observer.counters(workload.pid).calls
        for command in (
            "map 100MiB", "map 10MiB", "fixed 0 0 64MiB", "remap 1 30MiB",
            "unmap 1", "brk +7MiB", "brk -5MiB",
        ):  # fmt: skip
            workload.do(command)
        after = observer.counters(workload.pid).calls
    assert before is not None
    assert after is not None
    did = {
        kind: tuple(
            getattr(after[kind], name) - getattr(before[kind], name)
            for name in ("calls", "gained_bytes", "released_bytes")
        )
        for kind in after
    }
    assert did["mmap"] == (3, (100 + 10 + 64) * MIB, 64 * MIB)
    assert did["mremap"] == (1, 20 * MIB, 0)
    assert did["munmap"] == (1, 0, 30 * MIB)
    assert did["brk"][1:] == (7 * MIB, 5 * MIB)
    assert did["other"] == (0, 0, 0)


def test_default_attaches_to_no_system_call() -> None:
    observer = Observer(Selection(comms=(COMM,)))
    try:
        if dict(observer.probe.features)["mappings"] != "mmap_lock_released":
            pytest.skip("this kernel has no mmap_lock tracepoints: its calls are traced")
        assert dict(observer.probe.features)["mapping calls"] == "not counted separately"
        with Workload(COMM) as workload:
            assert observer.counters(workload.pid).calls is None
    finally:
        observer.close()
