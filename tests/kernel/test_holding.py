"""Whoever was stopped goes on once the watch is dead, however it died: a hundred deaths."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.holder import Holder
from tests.support.leftovers import assert_gone, programs_of
from tests.support.patience import PATIENCE
from tests.support.standing import state, until
from tests.support.workload import Workload, status

MIB = 1 << 20
COMM = f"held{os.getpid()}"
DEATHS = 20 if PATIENCE == 1 else 4
"""Of each kind; there are five. Each takes an emulated machine half a minute."""
SECONDS = 30.0
GUARDIAN_BYTES = 12 * MIB


@pytest.fixture
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
        holder.send("eat")
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


def test_the_dead_are_survived_by_a_guardian_that_leaves_again(
    workload: Workload, stranger: Workload
) -> None:
    """And to its end it wakes nobody who was not stopped by us."""
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.kill()
        workload.answer()
        os.kill(workload.pid, signal.SIGSTOP)  # somebody else, right after it was woken
        until(lambda: state(workload.pid) == "T")
        until(lambda: state(holder.guardian) in ("", "Z"))
        assert state(workload.pid) == state(stranger.pid) == "T"
        os.kill(workload.pid, signal.SIGCONT)


def test_a_guardian_that_is_killed_has_a_successor(workload: Workload) -> None:
    with Holder(COMM) as holder:
        os.kill(holder.guardian, signal.SIGKILL)
        until(lambda: state(holder.guardian) == "Z")
        assert holder.ask("check").endswith("ended by signal 9; another one took its place")
        successor = int(holder.ask("guardian"))
        assert successor != holder.guardian
        stopped(holder, workload)
        holder.kill()
        workload.answer()


def test_a_guardian_is_small_and_heeds_no_signal_that_is_meant_for_the_watch() -> None:
    with Holder(COMM) as holder:
        until(lambda: (Path(f"/proc/{holder.guardian}/comm").read_text()).startswith("ebpf"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(holder.guardian, number)
        assert not holder.ask("check")
        assert status(holder.guardian)["VmHWM"] <= GUARDIAN_BYTES
        assert os.getsid(holder.guardian) == holder.guardian


def test_who_was_stopped_goes_on_when_a_watch_ends_in_order(workload: Workload) -> None:
    for hold in (True, False):
        with Holder(COMM) as holder:
            stopped(holder, workload)
            if hold:
                holder.ask(f"hold {workload.pid}")
            holder.ask("close")
            workload.answer()
            assert state(holder.guardian) == "", "it was reaped"


def test_without_a_descriptor_for_a_tether_the_guardian_is_left(workload: Workload) -> None:
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.ask("starve")
        told = holder.ask(f"hold {workload.pid}")
        assert told.startswith(f"only the guardian would wake {workload.pid}")
        holder.kill()
        workload.answer()


def test_who_is_held_can_be_let_go_without_a_descriptor(workload: Workload) -> None:
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.ask("starve")
        holder.ask(f"hold {workload.pid}")
        holder.ask(f"let-go {workload.pid}")
        workload.answer()


def test_who_was_let_go_by_somebody_else_is_told_of(workload: Workload) -> None:
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.ask(f"hold {workload.pid}")
        holder.ask(f"arm {workload.pid} 0")
        assert holder.ask("woken") == ""
        os.kill(workload.pid, signal.SIGCONT)
        workload.answer()
        assert holder.ask("woken") == str(workload.pid)
