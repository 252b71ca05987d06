"""What has the memory of signalled processes afterwards is killed, unless that is little."""

import signal
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from ebpftrace.act.actions.support.heirs import Heirs
from ebpftrace.act.incident.incident import SignalMark
from ebpftrace.events import ProcessKey
from ebpftrace.probe import Heir
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.incidents import key_of

TARGET = ProcessKey(4711, 77)
BEGAN = 5 * NS_PER_SECOND
JUDGED = 100 * MIB


class Found:
    """A `HeirControl` that finds what a test says."""

    def __init__(self) -> None:
        self.expected: list[tuple[tuple[ProcessKey, ...], int]] = []
        self.found: list[Heir] = []
        self.forked = 0  # since the last look, at each
        self.ended: list[int] = []
        self._forks = 0

    def expect(self, keys: Collection[ProcessKey], number: int = 0) -> int:
        self.expected.append((tuple(keys), number))
        return 7

    def heirs(self, number: int) -> list[Heir]:
        assert number == 7
        return [Heir(TARGET, JUDGED), *self.found]

    def forks(self, number: int) -> int:
        self._forks += self.forked
        return self._forks

    def end(self, number: int) -> None:
        self.ended.append(number)


@pytest.fixture
def control() -> Found:
    return Found()


@pytest.fixture
def heirs(control: Found) -> Iterator[Heirs]:
    made = Heirs(control, JUDGED, SignalMark())
    for _signal in range(2):
        made.expect([TARGET])
    assert control.expected == [((TARGET,), 0), ((TARGET,), 7)]
    yield made
    made.close()


def test_without_heirs_nothing_is_waited_for(heirs: Heirs) -> None:
    assert heirs.poll(BEGAN, [TARGET])
    assert (heirs.killed, heirs.left) == (0, "")


def test_without_a_control_nothing_is_looked_for() -> None:
    heirs = Heirs(None, JUDGED, SignalMark())
    heirs.expect([TARGET])
    assert heirs.poll(BEGAN, [TARGET])


def test_heirs_that_have_little_are_let_live(
    heirs: Heirs, control: Found, sleeper: "subprocess.Popen[bytes]"
) -> None:
    control.found = [Heir(key_of(sleeper.pid), JUDGED // 10 - 1)]
    assert heirs.poll(BEGAN, [TARGET])
    assert sleeper.poll() is None
    assert (heirs.killed, heirs.left) == (0, "")


def test_child_that_executes_a_program_meanwhile_is_let_live(
    heirs: Heirs, control: Found, sleeper: "subprocess.Popen[bytes]"
) -> None:
    control.found = [Heir(key_of(sleeper.pid), JUDGED)]
    assert not heirs.poll(BEGAN, [TARGET])
    assert not heirs.poll(heirs.due_ns - 1, [TARGET])
    control.found = []
    assert heirs.poll(heirs.due_ns, [TARGET])
    assert sleeper.poll() is None
    assert heirs.killed == 0


def test_heirs_are_killed_generation_after_generation(
    heirs: Heirs, control: Found, sleeper: "subprocess.Popen[bytes]"
) -> None:
    with subprocess.Popen(["sleep", "100"]) as later:
        control.found = [Heir(key_of(sleeper.pid), JUDGED // 10)]
        assert not heirs.poll(BEGAN, [TARGET])
        assert not heirs.poll(heirs.due_ns, [TARGET])
        assert sleeper.wait() == -signal.SIGKILL
        control.found = [Heir(key_of(later.pid), 1)]  # a part of it
        assert not heirs.poll(heirs.due_ns, [TARGET])
        assert later.wait() == -signal.SIGKILL
    control.found = []
    assert heirs.poll(heirs.due_ns, [TARGET])
    assert (heirs.killed, heirs.left) == (2, "")


@pytest.mark.parametrize(
    ("mapped", "before", "now", "lives"),
    [
        (10, 10, 10, False),
        (9, 10, 10, True),
        (100, 100, 9, True),  # it is gone
        (100, 100, 10, False),
        (0, 50, 59, True),
        (0, 50, 60, False),  # written into a file since
        (0, 50, 40, True),
        (100, 0, None, False),  # it cannot be seen
        (9, 0, None, True),
    ],
)
def test_heirs_that_may_have_shared_memory_are_killed_if_it_is_still_there(
    control: Found,
    tmp_path: Path,
    sleeper: "subprocess.Popen[bytes]",
    mapped: int,
    before: int,
    now: int | None,
    lives: bool,
) -> None:
    """A fork shows none of it."""
    heirs = Heirs(control, JUDGED, SignalMark(), tmp_path)
    (tmp_path / "memory.stat").write_text(f"anon 0\nshmem {before * MIB}\n")
    heirs.expect([TARGET])
    (tmp_path / "memory.stat").write_text(f"anon 0\nshmem {(now or 0) * MIB}\n")
    heirs.expect([TARGET])  # the next signal is none to begin with
    if now is None:
        (tmp_path / "memory.stat").unlink()
    control.found = [Heir(key_of(sleeper.pid), 0, mapped * MIB)]
    assert heirs.poll(BEGAN, [TARGET]) == lives
    if not lives:
        assert not heirs.poll(heirs.due_ns, [TARGET])
        assert sleeper.wait() == -signal.SIGKILL
    heirs.close()


def test_heirs_are_looked_for_as_long_as_they_fork(
    heirs: Heirs, control: Found, sleeper: "subprocess.Popen[bytes]"
) -> None:
    """Each has ended once it has forked, so that a look may find none."""
    control.forked = 3
    now_ns = BEGAN
    while now_ns < BEGAN + NS_PER_SECOND:
        assert not control.ended or now_ns > BEGAN + 3 * NS_PER_SECOND // 10
        assert not heirs.poll(now_ns, [TARGET])
        assert now_ns < heirs.due_ns <= now_ns + NS_PER_SECOND // 100
        now_ns = heirs.due_ns
    assert set(control.ended) == {7}  # no program started in that time was seen
    control.found = [Heir(key_of(sleeper.pid), JUDGED)]
    assert not heirs.poll(now_ns, [TARGET])
    assert sleeper.wait() == -signal.SIGKILL
    control.found, control.forked = [], 0
    assert heirs.poll(heirs.due_ns, [TARGET])
    assert (heirs.killed, heirs.left) == (1, "")


def test_what_forks_on_for_ever_is_named(heirs: Heirs, control: Found) -> None:
    control.forked = 1
    assert not heirs.poll(BEGAN, [TARGET])
    assert heirs.poll(BEGAN + 6 * NS_PER_SECOND, [TARGET])
    assert heirs.left == "processes that kept its memory fork on"


def test_small_heirs_that_fork_on_start_programs(
    heirs: Heirs, control: Found, sleeper: "subprocess.Popen[bytes]"
) -> None:
    control.found, control.forked = [Heir(key_of(sleeper.pid), 1)], 1
    assert not heirs.poll(BEGAN, [TARGET])
    assert heirs.poll(BEGAN + NS_PER_SECOND, [TARGET])
    assert (sleeper.poll(), heirs.killed, heirs.left) == (None, 0, "")
    assert control.ended == []


def test_heir_that_ended_before_its_signal_counts_as_killed(
    heirs: Heirs, control: Found
) -> None:
    """By the kernel side, or it has forked once more."""
    control.found = [Heir(ProcessKey(1 << 22, 5), JUDGED)]
    assert not heirs.poll(BEGAN, [TARGET])
    assert not heirs.poll(heirs.due_ns, [TARGET])
    control.found = []
    assert heirs.poll(heirs.due_ns, [TARGET])
    assert heirs.killed == 1


def test_what_does_not_end_is_named(heirs: Heirs, control: Found) -> None:
    """The init process is never signalled."""
    control.found = [Heir(ProcessKey(1, 2), 40 * MIB)]
    now_ns = BEGAN
    while not heirs.poll(now_ns, [TARGET]):
        assert now_ns < BEGAN + 6 * NS_PER_SECOND
        now_ns = heirs.due_ns
    assert heirs.killed == 0
    assert heirs.left == "1 process that kept its memory still runs, with 40 MiB"
