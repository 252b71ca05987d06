"""Processes that end with their parent, and waiting for their end."""

import os
import signal
import subprocess
import sys

from ebpftrace.demo.process import await_end, die_with, open_pidfd

# A parent that starts a child bound to it, prints the child's pid, and waits.
PARENT = """
import os, signal, subprocess, sys
from ebpftrace.demo.process import die_with
parent = os.getpid()
child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)"],
    preexec_fn=lambda: die_with(parent, signal.SIGKILL),
)
print(child.pid, flush=True)
child.wait()
"""


def test_bound_child_ends_with_its_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pidfd = open_pidfd(int(parent.stdout.readline()))
        assert pidfd is not None
        try:
            assert not await_end([pidfd], 0)
            parent.kill()
            assert await_end([pidfd], 60)
        finally:
            os.close(pidfd)
            parent.wait()


def test_child_of_an_ended_parent_does_not_start() -> None:
    other_parent = 0
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        preexec_fn=lambda: die_with(other_parent, signal.SIGTERM),
    )
    assert child.wait() == -signal.SIGKILL


def test_ended_process_has_no_pidfd() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert open_pidfd(process.pid) is None


def test_await_end_returns_when_the_process_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pidfd = open_pidfd(process.pid)
    assert pidfd is not None
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        assert await_end([pidfd], 60)
    finally:
        process.kill()
        process.wait()
        os.close(pidfd)
