"""Programs that run during a measurement and are ended after it, or with the bench."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.cgroups import MemoryCgroup

WITH_BENCH = ("setpriv", "--pdeathsig", "KILL")
"""Before a program that would run on where the bench is killed."""


@contextmanager
def beside(*argv: str) -> Iterator[None]:
    """Run this program while the context is open."""
    process = subprocess.Popen((*WITH_BENCH, *argv), stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def every_cpu_busy() -> Iterator[None]:
    """A process that spins, at normal priority, for each CPU."""
    spin = "while True: pass"
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            stack.enter_context(beside(sys.executable, "-c", spin))
        yield


@contextmanager
def shell_guard(
    cgroup: MemoryCgroup, bound: int, seconds: str, *hook: str | Path
) -> Iterator[None]:
    """A shell (guard.sh) that polls this often, and starts the hook at the bound in bytes."""
    charge = "memory.usage_in_bytes" if cgroup.version == 1 else "memory.current"
    guard = Path(__file__).with_name("guard.sh")
    with beside("sh", str(guard), str(cgroup.path / charge), str(bound), seconds,
                *map(str, hook)):  # fmt: skip
        yield
