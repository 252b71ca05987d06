"""The renames of many processes of one job are reported within a share of that job."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.events import ProcessRenamed
from ebpftrace.probe import Selection
from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import lasting
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOG, VICTIM = f"hog-{os.getpid()}", f"victim-{os.getpid()}"  # of this test alone
PROCESSES = 24  # which may report 80 a second each
ROUND_SHIFT = 28  # of bpf/ring.h
MOST_A_ROUND = 256 * 3 // 4  # of CHANGES_IN_ROUND
ROUNDS = 3  # the last one may not have ended
MORE = 8  # where two processors count at once


@contextmanager
def renaming(group: MemoryCgroup, folder: Path) -> Iterator[None]:
    program = named(flood_binary(), HOG, folder)
    with lasting(group, group.inside([program, "renames", str(PROCESSES)])):
        yield


def test_renames_of_one_job_are_bounded_and_those_of_another_job_reported(
    tmp_path: Path,
) -> None:
    observer = Observer(Selection(comms=(HOG, VICTIM)))
    try:
        with (
            memory_cgroup() as group,
            memory_cgroup() as other,
            Workload(VICTIM, cgroup=other) as victim,
            renaming(group, tmp_path),
        ):
            until(lambda: len(group.pids()) == PROCESSES + 1)
            until(lambda: len(full_rounds(observer, victim.pid)) >= ROUNDS)
            victim.do("name quiet")
            observer.last(ProcessRenamed, lambda one: one.key.pid == victim.pid)
        assert max(full_rounds(observer, victim.pid)) <= MOST_A_ROUND + MORE
    finally:
        observer.close()


def full_rounds(observer: Observer, but: int) -> list[int]:
    """How many of the flood were reported in each round of the quota that used it up."""
    found = observer.all(ProcessRenamed, lambda one: one.key.pid != but)
    rounds = Counter(one.time_ns >> ROUND_SHIFT for one in found)
    return [count for count in rounds.values() if count >= MOST_A_ROUND]
