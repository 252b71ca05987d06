"""CPU time of a process and of the children it waited for."""

import os
import subprocess
import sys
import time

from bench.cpu import cpu_ns, family_seconds

BUSY = "import time\nwhile time.process_time() < 0.1: pass"


def test_cpu_time_agrees_with_the_process_itself() -> None:
    before, own = cpu_ns(os.getpid()), time.process_time_ns()
    while time.process_time_ns() < own + 50_000_000:
        pass
    took = cpu_ns(os.getpid()) - before
    assert 50_000_000 * 0.8 <= took <= (time.process_time_ns() - own) * 1.2


def test_cpu_time_includes_reaped_children() -> None:
    before, own = family_seconds(os.getpid()), cpu_ns(os.getpid())
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    grown = family_seconds(os.getpid()) - before - (cpu_ns(os.getpid()) - own) / 1e9
    assert grown >= 0.08  # two readings of its CPU time, each cut to the clock tick
