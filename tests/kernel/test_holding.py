"""Stopped processes are resumed however the watch dies: a hundred deaths."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.holder import Holder
from tests.support.leftovers import assert_gone, programs_of
from tests.support.patience import IS_EMULATED
from tests.support.process_state import state, until
from tests.support.workload import Workload, status

MIB = 1 << 20
COMM = f"held{os.getpid()}"
DEATHS = 4 if IS_EMULATED else 20
"""Of each kind; there are five. Each takes an emulated machine half a minute."""
SECONDS = 30.0
WATCHDOG_BYTES = 12 * MIB


@pytest.fixture
def workload() -> Iterator[Workload]:
    with Workload(COMM) as workload:
        workload.do("map 64MiB")
        yield workload


@pytest.fixture
def stranger() -> Iterator[Workload]:
    """Stopped by another program, with the same bound as the one that we stop."""
    with Workload(COMM) as stranger:
        os.kill(stranger.pid, signal.SIGSTOP)
        until(lambda: state(stranger.pid) == "T")
        yield stranger


def stopped(holder: Holder, workload: Workload) -> None:
    """Wait until the fuse has stopped it, in the middle of what it was asked to do."""
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


def killed_together_with_its_watchdog(holder: Holder, workload: Workload) -> None:
    stopped(holder, workload)
    holder.ask(f"hold {workload.pid}")
    os.kill(holder.watchdog, signal.SIGKILL)
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
        killed_together_with_its_watchdog,
        killed_for_the_memory_it_took,
    ],
)
def test_no_process_stays_stopped_once_the_watch_is_dead(
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


def test_watchdog_outlives_the_watch_for_a_while(
    workload: Workload, stranger: Workload
) -> None:
    """It resumes no process that another program stopped."""
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.kill()
        workload.answer()
        os.kill(workload.pid, signal.SIGSTOP)  # as another program does
        until(lambda: state(workload.pid) == "T")
        until(lambda: state(holder.watchdog) in ("", "Z"))
        assert state(workload.pid) == state(stranger.pid) == "T"
        os.kill(workload.pid, signal.SIGCONT)


def test_killed_watchdog_has_a_successor(workload: Workload) -> None:
    with Holder(COMM) as holder:
        os.kill(holder.watchdog, signal.SIGKILL)
        until(lambda: state(holder.watchdog) == "Z")
        assert holder.ask("check").endswith("ended by signal 9; a new one was started")
        successor = int(holder.ask("watchdog"))
        assert successor != holder.watchdog
        stopped(holder, workload)
        holder.kill()
        workload.answer()


def test_watchdog_is_small_and_ignores_signals_meant_for_the_watch() -> None:
    with Holder(COMM) as holder:
        until(
            lambda: (
                Path(f"/proc/{holder.watchdog}/comm").read_text(encoding="utf-8")
            ).startswith("ebpf")
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(holder.watchdog, number)
        assert not holder.ask("check")
        assert status(holder.watchdog)["VmHWM"] <= WATCHDOG_BYTES
        assert os.getsid(holder.watchdog) == holder.watchdog


def test_stopped_process_is_resumed_when_the_watch_ends_in_order(workload: Workload) -> None:
    for hold in (True, False):
        with Holder(COMM) as holder:
            stopped(holder, workload)
            if hold:
                holder.ask(f"hold {workload.pid}")
            holder.ask("close")
            workload.answer()
            assert state(holder.watchdog) == "", "it was reaped"


def test_watchdog_suffices_without_a_descriptor_for_a_death_signal(workload: Workload) -> None:
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.ask("starve")
        weakness = holder.ask(f"hold {workload.pid}")
        assert weakness.startswith(f"process {workload.pid} has no death signal")
        holder.kill()
        workload.answer()


def test_held_process_can_be_resumed_without_a_descriptor(workload: Workload) -> None:
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.ask("starve")
        holder.ask(f"hold {workload.pid}")
        holder.ask(f"resume {workload.pid}")
        assert workload.answer() == []


def test_process_that_another_program_resumed_is_noticed(workload: Workload) -> None:
    with Holder(COMM) as holder:
        stopped(holder, workload)
        holder.ask(f"hold {workload.pid}")
        holder.ask(f"arm {workload.pid} 0")
        assert holder.ask("resumed") == ""
        os.kill(workload.pid, signal.SIGCONT)
        workload.answer()
        assert holder.ask("resumed") == str(workload.pid)
