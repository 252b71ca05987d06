"""Sharers are identified before they are touched."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from ebpftrace.act.process.sharers import kill_each, no_sharers, sharers_of
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc


@pytest.fixture
def sleeper() -> Iterator[ProcessKey]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield key_of(process.pid)
        process.kill()


def key_of(pid: int) -> ProcessKey:
    stat = proc.read_stat(pid)
    assert stat is not None
    return ProcessKey(pid, stat.start_boottime_ns)


def test_sharers_that_ended_or_must_not_be_touched_are_left_out(sleeper: ProcessKey) -> None:
    ended = ProcessKey(1 << 22, 5)
    later = ProcessKey(sleeper.pid, sleeper.start_boottime_ns - 1_000_000_000)
    found = [ended, key_of(os.getpid()), later, sleeper]
    targets = sharers_of([ended], lambda _keys: found)
    assert [target.key for target in targets] == [sleeper]


def test_those_that_may_be_touched_are_killed() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        later = ProcessKey(process.pid, 1)
        kill_each([key_of(os.getpid()), ProcessKey(1, 2), later])
        assert process.poll() is None
        kill_each([later, key_of(process.pid)])
        assert process.wait() == -signal.SIGKILL


def test_of_very_many_sharers_some_are_held_at_a_time(sleeper: ProcessKey) -> None:
    assert len(sharers_of([sleeper], lambda _keys: [sleeper] * 1400)) == 128


def test_without_keys_nothing_is_looked_for() -> None:
    def find(_keys: object) -> list[ProcessKey]:
        raise AssertionError

    assert sharers_of([], find) == ()
    assert sharers_of([ProcessKey(1, 2)], no_sharers) == ()
