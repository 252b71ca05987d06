"""A breach is judged by what is so now, not by what the last snapshot left: as users see it."""

import os
import signal
import time
from pathlib import Path

from tests.support.acting import SECONDS, is_step, is_type, logged, of_type, policy, watching
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.records import Record, Watch
from tests.support.respawn import COMM
from tests.support.workload import Workload

MIB = 1 << 20
NOTIFY = '{ action = "notify" }'


def next_snapshot(watch: Watch, group: MemoryCgroup) -> Record:
    """One of after this call that has the cgroup."""
    return watch.wait_for(
        lambda one: (
            is_type("snapshot")(one) and any(job["cgroup"] == group.name for job in one["jobs"])
        ),
        SECONDS,
        since=len(watch.records),
    )


def own_findings(watch: Watch, detector: str) -> list[str]:
    """Of those that began."""
    found = [one for one in of_type(watch, "finding") if one["state"] == "begin"]
    return [one["sentence"] for one in found if one["detector"] == detector]


def test_what_a_neighbour_gave_back_is_room_again(tmp_path: Path) -> None:
    """A linker ends beside it between two snapshots: the mark is passed, the level is far."""
    when = '{ detector = "level", bound = "80%" }'
    file = policy(tmp_path, then=NOTIFY, when=when)
    with (
        memory_cgroup(256 * MIB) as group,
        Workload("linker", cgroup=group) as linker,
        Workload(COMM, cgroup=group) as meant,
        watching(tmp_path, "--config", str(file), "--interval", "4s") as watch,
    ):
        next_snapshot(watch, group)
        for one, size in ((linker, "100MiB"), (meant, "75MiB")):
            one.do(f"map {size}")
            one.do("touch 0")
        next_snapshot(watch, group)  # from here on its mark is 30 MiB away
        linker.close_input()
        meant.do("map 200MiB")
        meant.do("touch 1 0 45MiB")
        next_snapshot(watch, group)
        assert own_findings(watch, "level") == []
        assert logged(tmp_path, "incident") == []
        meant.do("touch 1 0 140MiB")
        watch.wait_for(is_step("notify"), SECONDS)
        (sentence,) = own_findings(watch, "level")
        assert "of the limit of 256 MiB taken (bound 80%)" in sentence


def test_a_slow_climb_is_no_growth_within_a_short_window(tmp_path: Path) -> None:
    """4 MiB/s at most, for longer than a window; then a burst, which is what was asked for."""
    when = '{ detector = "growth", bound = "16MiB", window = "1s" }'
    file = policy(tmp_path, then=NOTIFY, when=when)
    with (
        memory_cgroup(1024 * MIB) as group,
        Workload(COMM, cgroup=group) as meant,
        watching(tmp_path, "--config", str(file), "--interval", "5s") as watch,
    ):
        next_snapshot(watch, group)
        meant.do("map 400MiB")
        for step in range(32):
            meant.do(f"touch 0 {step}MiB 1MiB")
            time.sleep(0.25)
        assert own_findings(watch, "growth") == []
        meant.do("touch 0")
        watch.wait_for(is_step("notify"), SECONDS)
        (sentence,) = own_findings(watch, "growth")
        assert "(bound 16 MiB in 1 s), anon only; at " in sentence
        assert " the limit of 1 GiB is " in sentence


def test_what_was_gained_before_a_reload_counts(tmp_path: Path) -> None:
    file = policy(tmp_path, then=NOTIFY)  # growth of 64 MiB a minute
    with (
        memory_cgroup() as group,
        Workload(COMM, cgroup=group) as meant,
        watching(tmp_path, "--config", str(file)) as watch,
    ):
        next_snapshot(watch, group)
        meant.do("map 90MiB")
        meant.do("touch 0 0 45MiB")
        next_snapshot(watch, group)
        earlier = len(watch.records)
        os.kill(watch.pid, signal.SIGHUP)
        watch.wait_for(is_type("remark"), SECONDS, since=earlier)
        next_snapshot(watch, group)
        meant.do("touch 0")
        watch.wait_for(is_step("notify"), SECONDS)
        assert len(own_findings(watch, "growth")) == 1
