"""Whoever was stopped goes on once the watch is dead, however it died: a hundred deaths."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.holder import Holder
from tests.support.leftovers import assert_gone, programs_of
from tests.support.workload import Workload

MIB = 1 << 20
COMM = f"held{os.getpid()}"
DEATHS = 20  # of each kind; there are five
SECONDS = 30.0


@pytest.fixture(scope="module")
def workload() -> Iterator[Workload]:
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        yield workload


@pytest.fixture
def stranger() -> Iterator[Workload]:
    """Stopped by somebody else, and armed like the one that is stopped by us."""
    with Workload(COMM) as stranger:
        os.kill(stranger.pid, signal.SIGSTOP)
        until(lambda: state(stranger.pid) == "T")
        yield stranger


def state(pid: int) -> str:
    """As /proc/PID/stat has it: T is stopped, Z a zombie; "" once it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def stopped(holder: Holder, workload: Workload) -> None:
    """The fuse has blown: it stands in the middle of what it was asked to do."""
    workload.do("dontneed 0 0 64MiB")
    holder.ask(f"arm {workload.pid} {32 * MIB}")
    workload.send("touch 0")
    until(lambda: state(workload.pid) == "T")
    assert not workload.answered()


def killed_before_it_read_of_the_stop(holder: Holder, workload: Workload) -> None:
    stopped(holder, workload)
    holder.kill()


def killed_while_it_held(holder: Holder, workload: Workload) -> None:
    stopped(holder, workload)
    holder.ask(f"hold {workload.pid}")
    holder.kill()


def killed_while_it_was_stopped_itself(holder: Holder, workload: Workload) -> None:
    workload.do("dontneed 0 0 64MiB")
    holder.ask(f"arm {workload.pid} {32 * MIB}")
    holder.kill(signal.SIGSTOP)
    until(lambda: state(holder.pid) == "T")
    workload.send("touch 0")
    until(lambda: state(workload.pid) == "T")
    holder.kill()


def killed_together_with_its_guardian(holder: Holder, workload: Workload) -> None:
    stopped(holder, workload)
    holder.ask(f"hold {workload.pid}")
    os.kill(holder.guardian, signal.SIGKILL)
    holder.kill()


def killed_for_the_memory_it_took(holder: Holder, workload: Workload) -> None:
    with memory_cgroup(limit=64 * MIB) as group:
        stopped(holder, workload)
        holder.ask(f"hold {workload.pid}")
        group.add(holder.pid)
        holder.send(f"eat {256 * MIB}")
        assert holder.wait() == -signal.SIGKILL
        assert group.oom_kills() == 1


@pytest.mark.parametrize(
    "death",
    [
        killed_before_it_read_of_the_stop,
        killed_while_it_held,
        killed_while_it_was_stopped_itself,
        killed_together_with_its_guardian,
        killed_for_the_memory_it_took,
    ],
)
def test_nobody_stands_once_the_watch_is_dead(
    death: Callable[[Holder, Workload], None], workload: Workload, stranger: Workload
) -> None:
    for _ in range(DEATHS):
        with Holder(COMM) as holder:
            programs = programs_of(holder.pid)
            death(holder, workload)
            assert holder.wait() == -signal.SIGKILL
            workload.answer()
            assert_gone(programs)
            assert workload.statm()["resident"] >= 64 * MIB
            assert state(stranger.pid) == "T"
