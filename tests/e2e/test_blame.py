"""The process that grew is ended, and no other: forked workers, bystanders, tmpfs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_type, logged, policy, watching
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.process_state import lives
from tests.support.records import Record, Watch
from tests.support.respawn import COMM
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 300 * MIB
LEVEL = '{ detector = "level", bound = "60%" }'
SIGNAL = '{ action = "signal" }'


@contextmanager
def limited(folder: Path, when: str = LEVEL) -> Iterator[tuple[MemoryCgroup, Watch]]:
    """A cgroup with a limit, and a watch whose policy ends a process of it."""
    file = policy(folder, when=when, then=SIGNAL)
    with memory_cgroup() as group, watching(folder, "--config", str(file)) as watch:
        group.limit(LIMIT)
        yield group, watch


def outcome_of(watch: Watch) -> Record:
    return watch.wait_for(is_type("outcome"), SECONDS)


def test_a_forked_worker_that_leaks_is_ended_and_not_its_parent(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        parent.do("map 10MiB")
        parent.do("touch 0")
        watch.next_snapshot()
        parent.send("fork; grow 20MiB 400MiB")
        outcome = outcome_of(watch)
        (worker,) = map(int, parent.answer())
        assert parent.do("map 1MiB")
        assert group.oom_kills() == 0
    assert outcome["pid"] == worker, outcome["sentence"]
    assert outcome["helped"]
    (incident,) = logged(tmp_path, "incident")
    assert incident["facts"]["sentence"].startswith(f"{COMM} {worker} in ")


def test_of_two_forked_workers_the_one_that_leaks_is_ended(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        parent.do("map 10MiB")
        parent.do("touch 0")
        (calm,) = map(int, parent.do("fork; map 20MiB; touch 1"))
        watch.next_snapshot()
        parent.send("fork; grow 20MiB 400MiB")
        outcome = outcome_of(watch)
        (worker,) = map(int, parent.answer())
        assert lives(calm)
    assert outcome["pid"] == worker, outcome["sentence"]
    assert outcome["helped"]


def test_a_forked_grandchild_that_leaks_is_ended(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        watch.next_snapshot()
        parent.send("fork; fork; grow 20MiB 400MiB")
        outcome = outcome_of(watch)
        (child,) = map(int, parent.answer())
        assert lives(child)
        assert parent.do("map 1MiB")
    assert outcome["pid"] not in (parent.pid, child), outcome["sentence"]
    assert outcome["helped"]


def test_a_worker_that_was_started_by_vfork_and_exec(tmp_path: Path) -> None:
    with limited(tmp_path) as (group, watch), Workload(COMM, cgroup=group) as parent:
        watch.next_snapshot()
        (worker,) = map(int, parent.do(f"spawn {parent.program} 500; grow 20MiB 400MiB"))
        outcome = outcome_of(watch)
        assert parent.do("map 1MiB")
    assert outcome["pid"] == worker, outcome["sentence"]
    assert outcome["helped"]


def test_what_a_worker_inherits_when_its_parent_ends_is_no_gain(tmp_path: Path) -> None:
    """The idle worker shows its parent's 60 MiB as its own from then on; the other grew."""
    growth = '{ detector = "growth", bound = "100MiB", window = "60s" }'
    with limited(tmp_path, growth) as (group, watch), Workload(COMM, cgroup=group) as parent:
        parent.do("map 60MiB")
        parent.do("touch 0")
        (idle,) = map(int, parent.do("fork"))
        parent.send("fork; raise 19; grow 20MiB 400MiB")  # it stops itself, until resumed
        watch.next_snapshot()
        watch.next_snapshot()
        (worker,) = {pid for pid in group.pids() if pid not in (parent.pid, idle)}
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        watch.next_snapshot()
        watch.next_snapshot()
        os.kill(worker, signal.SIGCONT)
        outcome = outcome_of(watch)
        assert lives(idle)
    assert outcome["pid"] == worker, outcome["sentence"]
    (incident,) = logged(tmp_path, "incident")
    assert incident["facts"]["measured"] < 110 * MIB
