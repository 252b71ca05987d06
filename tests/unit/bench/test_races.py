"""A race is decided by what the kernel did: an OOM kill, a signal of ours, or a stop."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.paused_ladder import PausedLadder
from bench.races import race
from tests.support.cgroups import MemoryCgroup


@pytest.mark.kernel
def test_unguarded_process_is_taken_by_the_oom_killer() -> None:
    result = race("touch")
    assert result.oom_kills == 1
    assert not result.saved


@pytest.mark.kernel
def test_process_killed_in_time_causes_no_oom_kill() -> None:
    """Killed as it waits. (It is said to have held what its parent did as it forked it.)"""

    @contextmanager
    def kills(_cgroup: MemoryCgroup, pid: int) -> Iterator[None]:
        os.kill(pid, signal.SIGKILL)
        yield

    result = race("touch", guarding=kills)
    assert result.saved
    assert result.peak is not None


def test_step_runs_until_it_is_released(tmp_path: Path) -> None:
    ladder = PausedLadder(tmp_path)
    with ladder.step_running() as running:
        assert not running
    step = subprocess.Popen(ladder.command)
    try:
        while True:
            with ladder.step_running() as running:
                if running:
                    assert step.poll() is None
                    break
        assert step.wait(30) == 0
    finally:
        step.kill()
        step.wait()
