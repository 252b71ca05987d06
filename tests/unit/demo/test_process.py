"""Processes that end with their parent, and waiting for their end."""

import os
import signal
import subprocess
import sys

from ebpftrace.demo.process import await_end, die_with, open_pidfd

# A parent that starts a child bound to it, says the child's pid, and waits.
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


def test_a_bound_child_ends_with_a_parent_that_is_killed() -> None:
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


def test_a_child_whose_parent_was_faster_does_not_start() -> None:
    nobody = 0
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        preexec_fn=lambda: die_with(nobody, signal.SIGTERM),
    )
    assert child.wait() == -signal.SIGKILL


def test_a_process_that_is_gone_has_no_pidfd() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert open_pidfd(process.pid) is None


def test_waiting_ends_when_the_process_does() -> None:
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
