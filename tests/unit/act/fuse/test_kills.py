"""What shares the memory of a process that a fuse killed ends with it."""

import subprocess
from collections.abc import Collection, Iterator
from signal import SIGKILL

import pytest

from ebpftrace.act.fuse.kills import FuseKills
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey, ProcessStarted, StartCause
from ebpftrace.host import proc
from ebpftrace.probe import Heir
from tests.support.scripted_probe import ScriptedProbe

S = 1_000_000_000
OWNER = ProcessKey(1 << 22, 5)
KILL = FuseBlown(5, OWNER, 7, FuseScope.JOB, 1, 1, 1, SIGKILL)


@pytest.fixture
def sharer() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def key_of(process: "subprocess.Popen[bytes]") -> ProcessKey:
    stat = proc.read_stat(process.pid)
    assert stat is not None
    return ProcessKey(process.pid, stat.start_boottime_ns)


def test_sharers_of_a_killed_process_are_killed(sharer: "subprocess.Popen[bytes]") -> None:
    probe = ScriptedProbe(fuses=True)
    probe.shared[OWNER] = [key_of(sharer)]
    FuseKills(probe).killed(KILL, 0)
    assert sharer.wait(20) == -SIGKILL
    assert probe.asked == []


def test_owner_of_a_killed_sharer_is_killed(sharer: "subprocess.Popen[bytes]") -> None:
    """And the killed one is no longer a stopped process: nothing reports its end."""
    probe = ScriptedProbe(fuses=True)
    event = KILL._replace(owner=key_of(sharer))
    FuseKills(probe).killed(event, 0)
    assert sharer.wait(20) == -SIGKILL
    assert probe.asked == [("clear stop", OWNER.pid)]


@pytest.mark.parametrize(
    ("how", "parent", "seconds", "killed"),
    [
        (StartCause.SHARED, OWNER.pid, 1, True),
        (StartCause.SHARED, OWNER.pid, 11, False),
        (StartCause.SHARED, OWNER.pid + 1, 1, False),
        (StartCause.FORK, OWNER.pid, 1, False),
    ],
)
def test_process_that_is_left_with_the_memory_of_a_killed_one_is_killed(
    sharer: "subprocess.Popen[bytes]",
    how: StartCause,
    parent: int,
    seconds: int,
    killed: bool,
) -> None:
    kills = FuseKills(ScriptedProbe(fuses=True))
    kills.killed(KILL, 0)
    kills.started(ProcessStarted(5, key_of(sharer), parent, how, "c", 7), seconds * S)
    if killed:
        assert sharer.wait(20) == -SIGKILL
    else:
        assert sharer.poll() is None


class Found:
    """A `HeirControl` that finds one process."""

    def __init__(self, key: ProcessKey) -> None:
        self.expected: list[tuple[ProcessKey, ...]] = []
        self._key = key

    def expect(self, keys: Collection[ProcessKey], number: int = 0) -> int:
        self.expected.append(tuple(keys))
        return 7

    def heirs(self, number: int) -> list[Heir]:
        assert number == 7
        return [Heir(self._key, 0)]

    def forks(self, number: int) -> int:
        return 0

    def end(self, number: int) -> None:
        pass


@pytest.mark.parametrize(("seconds", "killed"), [(1, True), (11, False)])
def test_what_keeps_the_memory_still_is_killed_by_the_next_snapshots(
    sharer: "subprocess.Popen[bytes]", seconds: int, killed: bool
) -> None:
    """Of thousands of sharers some are killed at a time."""
    probe = ScriptedProbe(fuses=True)
    probe.heirs = found = Found(key_of(sharer))
    kills = FuseKills(probe)
    kills.handle_snapshot(0)
    kills.killed(KILL, 0)
    assert found.expected == [(OWNER,)]
    assert sharer.poll() is None
    kills.handle_snapshot(seconds * S)
    if killed:
        assert sharer.wait(20) == -SIGKILL
    else:
        assert sharer.poll() is None


def test_memory_that_was_handed_over_is_looked_for_as_well(
    sharer: "subprocess.Popen[bytes]",
) -> None:
    """Where the end of the killed one is handled before its kill, its memory is not known."""
    probe = ScriptedProbe(fuses=True)
    probe.heirs = found = Found(key_of(sharer))
    kills = FuseKills(probe)
    kills.killed(KILL, 0)
    heir = ProcessKey(1 << 22, 6)
    kills.started(ProcessStarted(5, heir, OWNER.pid, StartCause.SHARED, "c", 7), S)
    assert found.expected == [(OWNER,), (heir,)]
    kills.handle_snapshot(2 * S)
    assert sharer.wait(20) == -SIGKILL
