"""The debuggers of processes that were killed and have not ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ebpftrace.act.actions.support.heirs import Heirs
from ebpftrace.act.actions.support.tracers import Tracers
from ebpftrace.act.incident.incident import SignalMark
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.pidfd import is_alive
from tests.support.heirs import Keeps
from tests.support.process_state import SECONDS, until

DEBUGGER = """
import ctypes, os, signal, sys
process = os.fork()
if not process:
    signal.pause()
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
if ptrace(0x4206, process, None, 0x40) < 0:  # PTRACE_SEIZE, PTRACE_O_TRACEEXIT
    sys.exit(os.strerror(ctypes.get_errno()))
print(process, flush=True)
while True:
    signal.pause()
"""


def key_of(pid: int) -> ProcessKey:
    stat = proc.read_stat(pid)
    assert stat is not None
    return ProcessKey(pid, stat.start_boottime_ns)


def state_of(pid: int) -> str:
    stat = proc.read_stat(pid)
    return "" if stat is None else stat.state


@pytest.fixture
def debugger() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", DEBUGGER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


@pytest.fixture
def traced(debugger: "subprocess.Popen[str]") -> Iterator[ProcessKey]:
    assert debugger.stdout is not None
    key = key_of(int(debugger.stdout.readline()))
    yield key
    if is_alive(key):
        os.kill(key.pid, signal.SIGKILL)


def test_debugger_that_keeps_a_killed_process_is_ended(
    debugger: "subprocess.Popen[str]", traced: ProcessKey
) -> None:
    os.kill(traced.pid, signal.SIGKILL)
    until(lambda: state_of(traced.pid) == "t")
    Tracers().end([traced])
    assert debugger.wait() == -signal.SIGKILL
    until(lambda: not is_alive(traced))


def test_debugger_of_a_process_that_runs_is_left_alone(
    debugger: "subprocess.Popen[str]", traced: ProcessKey
) -> None:
    Tracers().end([traced])
    assert debugger.poll() is None


def test_debugger_of_a_later_process_with_the_pid_is_left_alone(
    debugger: "subprocess.Popen[str]", traced: ProcessKey
) -> None:
    os.kill(traced.pid, signal.SIGKILL)
    until(lambda: state_of(traced.pid) == "t")
    earlier = traced._replace(start_boottime_ns=traced.start_boottime_ns - 10**9)
    Tracers().end([earlier])
    assert debugger.poll() is None


def test_process_without_a_debugger_has_none() -> None:
    Tracers().end([key_of(os.getpid())])


def test_debugger_of_a_process_that_keeps_the_memory_of_others_is_ended(
    debugger: "subprocess.Popen[str]", traced: ProcessKey
) -> None:
    heirs, began_ns = Heirs(Keeps(traced), 100, SignalMark()), 5_000_000_000
    assert not heirs.poll(began_ns, [])
    killed_ns = heirs.due_ns
    assert not heirs.poll(killed_ns, [])
    until(lambda: state_of(traced.pid) == "t")
    assert not heirs.poll(killed_ns + 1, [])
    assert debugger.poll() is None  # it is looked for ten times a second at most
    assert not heirs.poll(killed_ns + 100_000_000, [])
    assert debugger.wait(SECONDS) == -signal.SIGKILL
    until(lambda: not is_alive(traced))
    assert heirs.poll(killed_ns + 100_000_001, [])
    assert (heirs.killed, heirs.left) == (1, "")
    heirs.close()
