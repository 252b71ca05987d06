"""A fuse for all processes with one name, from their first page on."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.act.actions.freeze import Freezer
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.probe import FuseDefault, Selection
from ebpftrace.probe.fuses import KernelFuses
from tests.support.cgroups import write
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import PAGE, Workload

MIB = 1 << 20
COMM = f"odd{os.getpid()}"
BOUND = 64 * MIB
AGAIN = 256 * PAGE
"""STOP_AGAIN in bpf/fuse.h: how far a process gets that another program resumes."""


@contextmanager
def fused() -> Iterator[Observer]:
    """All processes named COMM are stopped at BOUND."""
    observer = Observer(Selection(comms=(COMM,)), watermarks=True)
    try:
        fuses(observer).set_default(
            FuseDefault(FuseScope.PROCESS, BOUND, False, signal.SIGSTOP)
        )
        yield observer
    finally:
        observer.close()


def fuses(observer: Observer) -> KernelFuses:
    """The fuses of its probe."""
    assert observer.probe.fuses is not None
    return observer.probe.fuses


def blown(observer: Observer, pid: int) -> FuseBlown:
    """The stop of this process."""
    return observer.last(FuseBlown, lambda event: event.key.pid == pid)


def resume_without_bound(observer: Observer, key: ProcessKey) -> None:
    """Resume it for good, without a bound."""
    fuses(observer).arm_process(key, 0, 0, signal.SIGSTOP)
    fuses(observer).clear_stop(key)
    os.kill(key.pid, signal.SIGCONT)


def beyond(observer: Observer, pid: int) -> int:
    """What it holds beyond the bound, bytes."""
    return observer.counters(pid).usage.held_bytes - BOUND


def runs_away(workload: Workload) -> None:
    """Its first mapping is larger than the bound."""
    workload.send("touch 0")


@contextmanager
def freezer() -> Iterator[Freezer]:
    """A freezer cgroup of our own, on cgroup v1."""
    hierarchy = Path("/sys/fs/cgroup/freezer")
    if not (hierarchy / "cgroup.procs").exists():
        pytest.skip("no v1 freezer here")
    own = hierarchy / f"ebpftrace-odd-{os.getpid()}"
    own.mkdir()
    file = own / "freezer.state"
    try:
        yield Freezer(file, "FROZEN", "THAWED", file)
    finally:
        write(file, "THAWED")
        until(lambda: not (own / "cgroup.procs").read_text())
        own.rmdir()
