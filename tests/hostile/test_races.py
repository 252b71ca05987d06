"""Programs of the watch that run at once for one process leave every count as it was.

An unprivileged user provokes it, some hundred times each: threads that end at the same moment,
or give their process a name, or move it, while it executes, forks and ends.
"""

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import FuseBlown, FuseScope, ProcessExited, ProcessStarted
from ebpftrace.probe import FuseDefault, Selection
from ebpftrace.units import MIB
from tests.support.build import named, races_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.delegation import delegate
from tests.support.names import unique_comm
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.tables import Tables
from tests.support.workload import PAGE, Workload

pytestmark = pytest.mark.kernel

NAME, STRANGER = unique_comm(), unique_comm()
BOUND = 8 * MIB
COUNT_STEP = 4  # pages: a cgroup's sum is kept in such steps
FUSE = FuseDefault(FuseScope.JOB, BOUND, share=False, signal=signal.SIGSTOP)
BEGUN = {
    "end": 200, "rename": 300, "exec": 50, "share": 100, "heir": 100, "vfork": 50, "hop": 50,
    "roam": 50, "enter": 200, "twins": 200,
}  # fmt: skip
"""How often each race is provoked. Most went wrong once in ten times, or more often."""


@pytest.fixture(scope="module")
def group() -> Iterator[MemoryCgroup]:
    """A cgroup with two below, which were delegated to the user."""
    with memory_cgroup() as group:
        if group.version == 2:
            write(group.path / "cgroup.subtree_control", "+memory")
        for name in ("here", "there"):
            (group.path / name).mkdir()
            delegate(MemoryCgroup(group.path / name, group.version))
        delegate(group)
        yield group


@pytest.fixture(scope="module", params=["name", "cgroup"])
def observer(request: pytest.FixtureRequest, group: MemoryCgroup) -> Iterator[Observer]:
    """It watches by name, with children, or all that is in the cgroup."""
    by_name = Selection(comms=(NAME,), children=True)
    selection = by_name if request.param == "name" else Selection(cgroups=(group.name,))
    ids = () if request.param == "name" else (group.id,)
    observer = Observer(selection, cgroup_ids=ids, watermarks=True, fuse=FUSE)
    try:
        yield observer
    finally:
        observer.close()


def command(mode: str, group: MemoryCgroup, folder: Path) -> list[str]:
    program = named(races_binary(), STRANGER if mode in ("rename", "twins") else NAME, folder)
    arguments = [NAME] if mode in ("rename", "twins") else []
    if mode in ("hop", "roam"):
        file = "tasks" if mode == "roam" and group.version == 1 else "cgroup.procs"
        arguments = [str(group.path / name / file) for name in ("here", "there")]
    if mode == "enter":
        arguments = [str(group.path / "here")]
    race = "hop" if mode == "roam" else mode
    return here(group).inside([program, race, str(BEGUN[mode]), *arguments])


def here(group: MemoryCgroup) -> MemoryCgroup:
    return MemoryCgroup(group.path / "here", group.version)


@pytest.mark.parametrize("mode", BEGUN)
def test_counts_are_right_after_races(
    observer: Observer, group: MemoryCgroup, tmp_path: Path, mode: str
) -> None:
    observer.forget()
    with subprocess.Popen(command(mode, group, tmp_path)) as process:
        while process.poll() is None:
            observer.read()
    assert process.returncode == 0
    tables = Tables(observer)
    until(lambda: not remaining(observer, tables))
    started = Counter(event.key for event in observer.all(ProcessStarted))
    ended = Counter(event.key for event in observer.all(ProcessExited, of_process))
    executed = Counter(event.key for event in observer.all(ProcessExited, of_program))
    losses = observer.probe.losses()
    assert len(ended) + losses.get("processes_full", 0) >= BEGUN[mode]
    assert set(ended.values()) == {1}
    assert started == ended + executed
    assert "undecodable" not in losses
    with Workload(NAME, cgroup=here(group)) as workload:
        observer.started(workload.pid)
        workload.do(f"map {2 * BOUND // MIB}MiB")
        workload.send("touch 0")
        stop = observer.last(FuseBlown, lambda event: event.key.pid == workload.pid)
        late_bytes = COUNT_STEP * PAGE + observer.lag_bytes
        assert BOUND <= stop.measured_bytes < BOUND + late_bytes


def of_program(event: ProcessExited) -> bool:
    return event.executed


def of_process(event: ProcessExited) -> bool:
    return not event.executed


def remaining(observer: Observer, tables: Tables) -> object:
    """Everything that is still counted, once all processes have ended."""
    observer.read()
    return tables.entries() or tables.cgroup_sums() or tables.tracked() or tables.wrong_quotas()
