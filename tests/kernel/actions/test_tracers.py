"""Debuggers that keep a killed process from ending, of other users and in great number."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ebpftrace.act.actions.support.tracers import Tracers
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.cgroups import memory_cgroup as memory_path
from ebpftrace.host.pidfd import is_alive
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import UNPRIVILEGED
from tests.support.incidents import key_of
from tests.support.process_state import SECONDS, lives, until

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


@contextmanager
def chain(
    group: MemoryCgroup, debuggers: int, uid: int = 0
) -> Iterator[tuple["subprocess.Popen[bytes]", ProcessKey]]:
    """The first of debuggers of which each traces the next, and the last one's process.

    That is this user's, and the debuggers are root's.
    """
    argv = [sys.executable, "-c", CHAIN, str(uid), str(debuggers)]
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


@pytest.mark.parametrize("given", [False, True], ids=["another job", "the same job"])
def test_debugger_in_another_cgroup_is_ended_if_that_is_of_the_same_job(given: bool) -> None:
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
        Tracers().end([process], [path.rpartition("/")[0]] if given else [])
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
        tracers = Tracers()

        def is_free() -> bool:
            tracers.end([process])
            return not lives(process.pid)

        until(is_free)
        until(lambda: not any(map(lives, group.pids())))
