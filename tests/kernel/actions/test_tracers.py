"""Debuggers that keep a killed process from ending, of other users and in great number."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ebpftrace.act.actions.support import tracers
from ebpftrace.act.actions.support.heirs import Heirs
from ebpftrace.act.actions.support.tracers import Tracers
from ebpftrace.act.fuse.kills import FuseKills
from ebpftrace.act.incident.incident import SignalMark
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.cgroups import memory_cgroup as memory_path
from ebpftrace.host.pidfd import is_alive
from ebpftrace.units import NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import UNPRIVILEGED
from tests.support.heirs import Keeps
from tests.support.incidents import JOB, key_of
from tests.support.process_state import SECONDS, lives, until
from tests.support.scripted_probe import ScriptedProbe

CHAIN = """
import ctypes, os, signal, sys
uid, debuggers = int(sys.argv[1]), int(sys.argv[2])
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
done, ready = os.pipe()
for _debugger in range(debuggers):
    begin, begun = os.pipe()
    process = os.fork()
    if process:
        if ptrace(0x4206, process, None, 0x40) < 0:  # PTRACE_SEIZE, PTRACE_O_TRACEEXIT
            sys.exit(os.strerror(ctypes.get_errno()))
        os.write(begun, b"1")
        if _debugger == 0:
            print(os.read(done, 32).decode(), flush=True)
        while True:
            signal.pause()
    os.read(begin, 1)  # it is traced
if uid:
    os.setuid(uid)
os.write(ready, str(os.getpid()).encode())
signal.pause()
"""
CROWDS = """
import ctypes, os, signal, sys, threading
threads, debuggers = int(sys.argv[1]), int(sys.argv[2])
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
done, ready = os.pipe()
begun = -1
def start_threads():
    for _thread in range(threads):
        threading.Thread(target=signal.pause, daemon=True).start()
    os.write(begun, b"1")
for _debugger in range(debuggers):
    begin, next_begun = os.pipe()
    process = os.fork()
    if process:
        os.read(begin, 1)
        for thread in os.listdir(f"/proc/{process}/task"):
            if ptrace(0x4206, int(thread), None, 0x40) < 0:
                sys.exit(os.strerror(ctypes.get_errno()))
        if _debugger:
            start_threads()
        else:
            print(os.read(done, 32).decode(), flush=True)
        while True:
            signal.pause()
    begun = next_begun
os.write(ready, str(os.getpid()).encode())
start_threads()
while True:
    signal.pause()
"""


@contextmanager
def chain(
    group: MemoryCgroup, debuggers: int, uid: int = 0, program: str = CHAIN
) -> Iterator[tuple["subprocess.Popen[bytes]", ProcessKey]]:
    """The first of debuggers of which each traces the next, and the last one's process.

    That is this user's, and the debuggers are root's; in CROWDS, `uid` is a number of threads.
    """
    argv = [sys.executable, "-c", program, str(uid), str(debuggers)]
    with subprocess.Popen(group.inside(argv), stdout=subprocess.PIPE) as first:
        try:
            assert first.stdout is not None
            yield first, key_of(int(first.stdout.readline()))
        finally:
            first.kill()
            for pid in group.pids():
                os.kill(pid, signal.SIGKILL)


def hold(process: ProcessKey) -> None:
    """It is killed, and its debugger keeps it."""
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: (stat := proc.read_stat(process.pid)) is not None and stat.state == "t")


def test_debugger_with_another_user_in_the_same_cgroup_is_ended(group: MemoryCgroup) -> None:
    """As the user of a container may be, whose root is another of its users."""
    with chain(group, 1, UNPRIVILEGED) as (debugger, process):
        hold(process)
        Tracers().end([process])
        assert debugger.wait(SECONDS) == -signal.SIGKILL
        until(lambda: not lives(process.pid))


def as_target(process: ProcessKey, given: str) -> None:
    """A step has killed it."""
    Tracers().end([process], [given])


def as_heir(process: ProcessKey, given: str) -> None:
    """It keeps the memory of what a step has killed."""
    heirs = Heirs(Keeps(process), 100, SignalMark(), given_paths=[given])
    heirs.poll(NS_PER_SECOND, [])
    killed_ns = heirs.due_ns
    for now_ns in (killed_ns, killed_ns + NS_PER_SECOND):
        assert not heirs.poll(now_ns, [])
    heirs.close()


def as_killed_by_a_fuse(process: ProcessKey, given: str) -> None:
    """The kernel side has killed it."""
    kills = FuseKills(ScriptedProbe(fuses=True))
    event = FuseBlown(5, process, 7, FuseScope.JOB, 1, 1, 1, signal.SIGKILL)
    kills.killed(event, NS_PER_SECOND, JOB._replace(given_path=given))
    for now_ns in (NS_PER_SECOND, 2 * NS_PER_SECOND):
        kills.handle_snapshot(now_ns)


@pytest.mark.parametrize("end", [as_target, as_heir, as_killed_by_a_fuse])
@pytest.mark.parametrize("given", [False, True], ids=["another job", "the same job"])
def test_debugger_in_another_cgroup_is_ended_if_that_is_of_the_same_job(
    end: Callable[[ProcessKey, str], None], given: bool
) -> None:
    with (
        memory_cgroup() as above,
        memory_cgroup(parent=above) as here,
        memory_cgroup(parent=above) as there,
        chain(here, 1, UNPRIVILEGED) as (debugger, process),
    ):
        there.add(debugger.pid)
        hold(process)
        path = memory_path(process.pid)
        assert path is not None
        end(process, path.rpartition("/")[0] if given else "")
        if given:
            assert debugger.wait(SECONDS) == -signal.SIGKILL
            until(lambda: not lives(process.pid))
        else:
            assert debugger.poll() is None
            assert is_alive(process)


def test_more_debuggers_than_are_ended_at_a_time_keep_nothing(group: MemoryCgroup) -> None:
    """Each ends only once its own debugger has."""
    with chain(group, 150) as (_first, process):
        hold(process)
        ends = Tracers()

        def is_free() -> bool:
            ends.end([process])
            return not lives(process.pid)

        until(is_free)
        until(lambda: not any(map(lives, group.pids())))


def test_a_few_threads_are_looked_at_a_time_however_many_debuggers_have(
    group: MemoryCgroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's thread looks, ten times a second."""
    looked: list[int] = []
    tracer_of = tracers._tracer

    def look(thread: int) -> int:
        looked.append(thread)
        return tracer_of(thread)

    monkeypatch.setattr(tracers, "_tracer", look)
    threads = tracers._MOST_THREADS + 20
    with chain(group, 4, threads, CROWDS) as (_first, process):
        hold(process)
        ends = Tracers()

        def is_free() -> bool:
            looked.clear()
            ends.end([process])
            assert len(looked) <= tracers._MOST_THREADS
            return not lives(process.pid)

        until(is_free)
        until(lambda: not any(map(lives, group.pids())))
