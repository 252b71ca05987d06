"""OOM kills of one job leave room in the ring for that of another job's process."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from ebpftrace.events import OomKilled
from ebpftrace.probe import Selection
from tests.support.build import flood_binary, named
from tests.support.cgroups import memory_cgroup
from tests.support.observer import Observer
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOG, VICTIM = f"hog-{os.getpid()}", f"victim-{os.getpid()}"  # of this test alone
KILLS = 100  # each is a long message of the kernel
LIMIT = 4 << 20


@pytest.mark.parametrize("comms", [(VICTIM,), (HOG, VICTIM)], ids=["untracked", "tracked"])
def test_oom_kills_of_one_job_leave_room_for_another_job(
    tmp_path: Path, comms: tuple[str, ...]
) -> None:
    observer = Observer(Selection(comms=comms), ring_bytes=1 << 15)
    try:
        with (
            memory_cgroup(LIMIT) as group,
            memory_cgroup(LIMIT) as other,
            Workload(VICTIM, cgroup=other) as victim,
        ):
            observer.started(victim.pid)
            observer.forget()
            program = named(flood_binary(), HOG, tmp_path)
            subprocess.run(group.inside([program, "ooms", str(KILLS)]), check=True)
            victim.do("map 64MiB")
            with suppress(EOFError):
                victim.do("touch 0")
            killed = observer.all(OomKilled)
        assert killed[-1].key.pid == victim.pid
        assert 0 < len(killed) - 1 < KILLS
        assert observer.probe.losses()["ring_other"] > 0
    finally:
        observer.close()
