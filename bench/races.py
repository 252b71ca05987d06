"""One race: a process grows as fast as it can in a cgroup with a limit, until it is stopped."""

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.paused_ladder import LOOK_SECONDS, PausedLadder, finish_ladder, racers_bytes
from ebpftrace.units import MIB
from tests.support.build import CACHE, compiled
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.workload import statm

LIMIT = 400 * MIB
TEN_PERCENT_LEFT = LIMIT * 9 // 10
GROWTH = 640 * MIB
HUGE = 2 * MIB
DEADLINE_SECONDS = 60.0

_FLOOD_BYTES = 1024 * MIB
_SOURCE = Path(__file__).with_name("racer.c")

Guarding = Callable[[MemoryCgroup, int], AbstractContextManager[object]]
"""A guard started for each race, with its cgroup and the racer's pid."""


class UndecidedError(Exception):
    """A race was neither lost nor won within a minute."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a race ended. Sizes in bytes.

    `peak` is the most that the racers held: the pages in their page tables while they were
    stopped (shared pages counted once), else the kernel's maximum as the process ended,
    which is off by up to 32 pages a CPU. None if neither is known.
    """

    oom_kills: int
    stopped: bool
    peak: int | None

    @property
    def saved(self) -> bool:
        """The kernel's OOM killer was not needed."""
        return self.stopped and not self.oom_kills


def racer() -> Path:
    """The program that grows (racer.c)."""
    return compiled("racer", [_SOURCE])


def race(
    how: str,
    *,
    guarding: Guarding | None = None,
    ladder: PausedLadder | None = None,
    flooded: bool = False,
) -> Result:
    """Let a racer run in a new cgroup until it is stopped, or the OOM killer ends it.

    `ladder` is the step of the watch's policy that waits for the measurement.
    """
    with ExitStack() as stack:
        cgroup = stack.enter_context(memory_cgroup(LIMIT))
        if flooded:
            stack.enter_context(_flood(cgroup))
        process = cgroup.run([racer(), how, str(GROWTH)], stdin=subprocess.PIPE, bufsize=0)
        stack.callback(_end, process)
        stack.enter_context(guarding(cgroup, process.pid) if guarding else nullcontext())
        # The guards have seen it by then; random, so as not to be in step with their polling.
        time.sleep(random.uniform(0.05, 0.1))
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # ended already
            process.stdin.write(b"g")
        return _follow(cgroup, process, ladder)


def _follow(
    cgroup: MemoryCgroup, process: subprocess.Popen[bytes], ladder: PausedLadder | None
) -> Result:
    """Follow the racer until the race is decided, polling every other millisecond."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    others = 0  # resident bytes that are its program's, not its own
    while time.monotonic() < deadline:
        if kills := cgroup.oom_kills():
            return Result(kills, False, None)
        if (ended := _reaped(process)) is not None:
            by_us = ended.code == -signal.SIGKILL
            return Result(cgroup.oom_kills(), by_us, ended.most_resident - others)
        if ladder is not None:
            with ladder.step_running() as running:
                peak = racers_bytes(cgroup, deadline) if running else None
            if peak is not None:
                finish_ladder(cgroup, ladder, deadline)
                return Result(cgroup.oom_kills(), True, peak)
        others = _program_bytes(process.pid) or others
        time.sleep(LOOK_SECONDS)
    raise UndecidedError(f"a race was not over after {DEADLINE_SECONDS:g} s")


def _program_bytes(pid: int) -> int:
    try:
        return statm(pid)["shared"]
    except (ProcessLookupError, FileNotFoundError):
        return 0  # it ended in the meantime


@dataclass(frozen=True, slots=True)
class _Ended:
    code: int  # minus the signal, if one ended it
    most_resident: int


def _reaped(process: subprocess.Popen[bytes]) -> _Ended | None:
    if process.returncode is not None:  # before it could race
        raise UndecidedError(f"the racer ended with {process.returncode}")
    pid, status, used = os.wait4(process.pid, os.WNOHANG)
    if not pid:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return _Ended(process.returncode, used.ru_maxrss * 1024)


@contextmanager
def _flood(cgroup: MemoryCgroup) -> Iterator[None]:
    """Fill the cgroup up to its limit with page cache of a file, and keep adding to it."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder, ExitStack() as stack:
        flood = compiled("flood", [_SOURCE])
        process = cgroup.run(
            [flood, "flood", str(_FLOOD_BYTES), f"{folder}/flood"], stdin=subprocess.DEVNULL
        )
        stack.callback(_end, process)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while cgroup.charge_bytes() < LIMIT * 0.95:
            if time.monotonic() > deadline or process.poll() is not None:
                raise UndecidedError("the page cache does not fill")
            time.sleep(LOOK_SECONDS)
        yield


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        process.kill()
        process.wait()
