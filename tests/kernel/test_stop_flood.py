"""One job's stops without end take a bounded part of the ring for breaches and stops."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.events import FuseBlown, FuseScope
from ebpftrace.probe import FuseDefault, Selection
from ebpftrace.units import MIB
from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import lasting
from tests.support.observer import Observer
from tests.support.process_state import until
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOG, VICTIM = f"hog-{os.getpid()}", f"victim-{os.getpid()}"  # of this test alone
PROCESSES = 64
ROUND_SHIFT = 28  # of bpf/ring.h
MOST_A_ROUND = (1 << 12) * 3 // 4 // 104  # of STOPS_BYTES, in records
MORE = 8  # where two processors count at once


@contextmanager
def stopping(group: MemoryCgroup, folder: Path) -> Iterator[None]:
    program = named(flood_binary(), HOG, folder)
    with lasting(group, group.inside([program, "stops", str(PROCESSES)])):
        yield


def lost(observer: Observer) -> int:
    """Stops whose record did not fit."""
    return observer.probe.losses().get("ring_other", 0)


def test_stops_of_one_job_leave_room_for_another_job(tmp_path: Path) -> None:
    fuse = FuseDefault(FuseScope.PROCESS, 2 * MIB, share=False, signal=signal.SIGSTOP)
    observer = Observer(Selection(comms=(HOG, VICTIM)), watermarks=True, fuse=fuse)
    stops: list[FuseBlown] = []

    def read() -> list[FuseBlown]:
        """From the ring: no reading looks for stops in the map."""
        stops.extend(one for one in observer.probe.urgent() if isinstance(one, FuseBlown))
        return stops

    try:
        with memory_cgroup() as group, memory_cgroup() as other, stopping(group, tmp_path):
            until(
                lambda: len(read()) > MOST_A_ROUND and "ring_other" in observer.probe.losses()
            )
            with Workload(VICTIM, cgroup=other) as victim:
                victim.do("map 4MiB")
                victim.send("touch 0")
                until(lambda: victim.pid in [stop.key.pid for stop in read()])
        of_flood = [stop for stop in stops if stop.cgroup_id == group.id]
        rounds = Counter(stop.time_ns >> ROUND_SHIFT for stop in of_flood)
        assert len(of_flood) > MOST_A_ROUND
        assert max(rounds.values()) <= MOST_A_ROUND + MORE
        assert lost(observer) > 0
    finally:
        observer.close()
