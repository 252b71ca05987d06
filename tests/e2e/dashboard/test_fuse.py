"""The dashboard while a fuse has stopped a process, and the keys that act on it."""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.process_state import state, stops, until
from tests.support.tmux import NEEDS_TMUX, WAIT_SECONDS, Tmux
from tests.support.workload import Workload

pytestmark = [pytest.mark.kernel, NEEDS_TMUX]

POLICY = """[[policy]]
name = "bursts"
match.comm = "{comm}"
capture = false
fuse = "100MiB"
then = [{{ action = "shell", line = "sleep 600", timeout = "10m" }}]
"""


@dataclass(frozen=True)
class Frozen:
    """A terminal with a watch, and a process stopped at 100 MiB of 256."""

    tmux: Tmux
    runaway: Workload

    @property
    def name(self) -> str:
        return f"{self.runaway.comm} {self.runaway.pid}"


@pytest.fixture
def frozen() -> Iterator[Frozen]:
    comm = unique_comm()
    with ExitStack() as stack:
        group = stack.enter_context(memory_cgroup())
        group.limit(256 << 20)
        tmux = stack.enter_context(Tmux(100, 30))
        runaway = stack.enter_context(Workload(comm, cgroup=group))
        policy = tmux.folder / "policy.toml"
        policy.write_text(POLICY.format(comm=comm))
        audit = tmux.folder / "audit.jsonl"
        tmux.run([
            sys.executable, "-m", "ebpftrace", "watch", "--config", str(policy),
            "--audit", str(audit),
        ])  # fmt: skip
        tmux.expect(f"{comm} {runaway.pid}")
        tmux.expect(armed)
        runaway.do("map 300MiB")
        runaway.send("touch 0")
        tmux.expect(", next: shell, then SIGKILL")
        yield Frozen(tmux, runaway)
        tmux.press("q")
        tmux.expect("q was pressed")  # the watch resumes it; the fixture ends it


def armed(screen: str) -> bool:
    """After the first reading the bounds are set, and before the second is shown."""
    return bool(re.search(r" · [1-9]\S*s ", screen.partition("\n")[0]))


def test_stopped_process_is_shown_with_size_duration_and_next_steps(frozen: Frozen) -> None:
    assert stops(frozen.runaway.pid)
    screen = frozen.tmux.expect("at 100 MiB  100 MiB")
    row = next(line for line in screen.splitlines() if line.startswith("❆   "))
    assert frozen.name in row
    assert "FROZEN" in row
    assert "t thaw  x kill" in screen.splitlines()[-1]
    frozen.tmux.press("j", "Enter")
    screen = frozen.tmux.expect(f"{frozen.name} · FROZEN")
    assert "stopped at 100 MiB, bound 100 MiB of the job, limit 256 MiB" in " ".join(
        screen.split()
    )
    assert "shell, then SIGKILL" in screen
    first = re.search(r" for (\S+): stopped at", screen)
    assert first is not None
    frozen.tmux.expect(  # the duration grows while nothing else happens
        lambda screen: "stopped at" in screen and f" for {first[1]}: " not in screen
    )


def test_t_resumes_a_process_until_its_next_bound(frozen: Frozen) -> None:
    frozen.tmux.press("t")
    frozen.tmux.expect(f"{frozen.name} was resumed after")
    frozen.tmux.expect("at 178 MiB")  # half of what was left
    assert stops(frozen.runaway.pid)


def test_x_kills_a_process_when_pressed_again_in_time(frozen: Frozen) -> None:
    question = f"x again within 3 s kills {frozen.name}"
    frozen.tmux.press("x")
    frozen.tmux.expect(question)
    frozen.tmux.expect(lambda screen: question not in screen)
    assert stops(frozen.runaway.pid)
    frozen.tmux.press("x", "x")
    assert frozen.runaway.wait(WAIT_SECONDS) == -signal.SIGKILL
    frozen.tmux.expect(lambda screen: "FROZEN" not in screen)
    frozen.tmux.press("t")
    frozen.tmux.expect("no process is stopped")


def test_the_summary_counts_them(frozen: Frozen) -> None:
    frozen.tmux.press("q")
    screen = frozen.tmux.expect("q was pressed")
    assert "fuse     1 stopped (1 thawed)" in screen
    until(lambda: state(frozen.runaway.pid) != "T")
