"""`--on-breach` alone: what ends well is left alone, and what does not is ended."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, is_type, of_type
from tests.support.acting import watching as watch_acting
from tests.support.build import CACHE
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.process_state import state
from tests.support.records import Record, Watch, holds
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 200 * MIB
TERM = "kill -TERM $EBPFTRACE_PID"


def watching(folder: Path, *options: str) -> Watch:
    return watch_acting(folder, *options, comm="judged")


def events(watch: Watch) -> list[str]:
    return [one["event"] for one in of_type(watch, "fuse")]


def is_held_back(record: Record) -> bool:
    return record["type"] == "remark" and "younger than the grace period" in record["text"]


def steps(watch: Watch) -> list[tuple[str, str]]:
    return [(one["action"], one["status"]) for one in of_type(watch, "step")]


def test_a_runaway_is_ended_at_the_backstop_by_the_line_itself(tmp_path: Path) -> None:
    with (
        memory_cgroup(limit=LIMIT) as group,
        watching(tmp_path, "--on-breach", TERM) as watch,
        Workload("judged", cgroup=group) as workload,
    ):
        workload.do("map 900MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.SIGTERM
        first = watch.wait_for(is_type("outcome"), SECONDS)
        second = watch.wait_for(
            lambda one: one["type"] == "outcome" and one["incident"] != first["incident"],
            SECONDS,
        )
        assert group.oom_kills() == 0
    assert "was resumed" in first["sentence"]
    assert second["helped"], second
    assert events(watch) == ["stopped", "thawed", "stopped", "thawed"]
    at_first, _, at_second, _ = of_type(watch, "fuse")
    assert at_first["next_steps"] == "capture, then it is resumed"
    assert at_second["next_steps"] == "capture, shell, then it is resumed"
    # Of what it holds, or of the charge of its cgroup, with a little page cache on top.
    assert 0.93 * LIMIT < at_first["bound_bytes"] <= 0.97 * LIMIT
    assert at_first["bound_bytes"] < at_second["bound_bytes"] <= 0.99 * LIMIT
    assert [step for step in steps(watch) if step[0] == "shell"] == [("shell", "done")]
    for outcome in (first, second):
        manifest = json.loads((Path(outcome["evidence"]) / "manifest.json").read_bytes())
        assert manifest["complete"]
        shutil.rmtree(outcome["evidence"])


def test_a_line_that_ends_nothing_ends_nothing(tmp_path: Path) -> None:
    options = ("--on-breach", f"touch {tmp_path}/hooked", "--backstop", "60%")
    with (
        memory_cgroup(limit=LIMIT) as group,
        watching(tmp_path, *options) as watch,
        Workload("judged", cgroup=group) as workload,
    ):
        workload.do("map 170MiB")
        workload.send("touch 0")
        assert workload.answer() is not None  # it is past its backstop, and runs
        watch.wait_for(is_step("shell"), SECONDS)
        assert state(workload.pid) not in ("T", "")
        assert (tmp_path / "hooked").exists()
    assert events(watch)[:2] == ["stopped", "thawed"]


def nearly_full(group: MemoryCgroup, watch: Watch, watched: Workload) -> None:
    """85 % of its limit, seen by a snapshot; the next one comes seconds later."""
    watched.do("map 170MiB")
    watched.do("touch 0")
    watched.do("map 1MiB")
    assert watch.next_snapshot()["jobs"][0]["cgroup"] == group.name


SLOW = ("--interval", "5s", "--on-breach", TERM)


def test_what_an_unwatched_program_takes_between_two_snapshots_is_seen(tmp_path: Path) -> None:
    """gopls starts go commands; they are not watched, and no stop of gopls holds them."""
    with (
        memory_cgroup(limit=LIMIT) as group,
        watching(tmp_path, *SLOW) as watch,
        Workload("judged", cgroup=group) as watched,
        Workload("other", cgroup=group) as other,
    ):
        nearly_full(group, watch, watched)
        other.do("map 23MiB")
        other.do("touch 0")
        watched.send("touch 1")
        assert watched.wait() == -signal.SIGTERM
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert group.oom_kills() == 0
    assert outcome["helped"], outcome
    stop = of_type(watch, "fuse")[0]
    assert (stop["event"], stop["scope"]) == ("stopped", "charge")
    assert stop["next_steps"] == "capture, shell, then it is resumed"
    shutil.rmtree(outcome["evidence"])


def test_page_cache_that_floods_in_between_stops_nothing_for_long(tmp_path: Path) -> None:
    file = CACHE / f"flood-{os.getpid()}"
    with (
        memory_cgroup(limit=LIMIT) as group,
        watching(tmp_path, *SLOW) as watch,
        Workload("judged", cgroup=group) as watched,
    ):
        nearly_full(group, watch, watched)
        try:
            write = ["dd", "if=/dev/zero", f"of={file}", "bs=1M", "count=100"]
            group.run(write, stderr=subprocess.DEVNULL).wait(SECONDS)
            assert steps(watch) == []
            assert group.charge_bytes() > 0.96 * LIMIT
            watched.do("touch 1")  # it answers: it runs
        finally:
            file.unlink(missing_ok=True)
    assert steps(watch) == []
    assert of_type(watch, "outcome") == []


def test_a_climb_that_ends_well_is_left_alone(tmp_path: Path) -> None:
    with (
        memory_cgroup(limit=LIMIT) as group,
        watching(tmp_path, "--on-breach", TERM) as watch,
        Workload("judged", cgroup=group) as workload,
    ):
        for number in range(19):
            workload.do("map 10MiB")
            workload.do(f"touch {number}")
            watch.wait_for(holds(workload.pid), SECONDS)
        forecast = watch.wait_for(is_type("finding"), SECONDS)
        workload.do("map 1MiB")
    assert forecast["detector"] in ("forecast", "burst", "fuse")  # no leak, no exhaustion
    assert "shell" not in [action for action, _ in steps(watch)]
    assert set(events(watch)) <= {"stopped", "thawed"}


def growing_from_its_first_page(folder: Path, *options: str) -> tuple[Watch, int, int]:
    """The watch, how a process that grows by 50 MiB/s ended, and the kills of its cgroup."""
    with (
        memory_cgroup(limit=300 * MIB) as group,
        watching(folder, *options, "--on-breach", TERM) as watch,
        Workload("judged", cgroup=group) as workload,
    ):
        workload.send("grow 50MiB 900MiB")
        code = workload.wait(SECONDS)
        kills = group.oom_kills()
        watch.wait_for(is_step("shell"), SECONDS)
    return watch, code, kills


def test_a_bound_of_the_user_acts_on_a_young_process_at_once(tmp_path: Path) -> None:
    watch, code, kills = growing_from_its_first_page(tmp_path, "--growth", "64MiB/10s")
    assert (code, kills) == (-signal.SIGTERM, 0)
    assert not any(map(is_held_back, watch.records))


def test_grace_does_not_wait_for_the_oom_killer(tmp_path: Path) -> None:
    options = ("--growth", "64MiB/10s", "--grace", "1h")
    _, code, kills = growing_from_its_first_page(tmp_path, *options)
    assert (code, kills) == (-signal.SIGTERM, 0)


def test_what_grace_holds_back_is_said_once(tmp_path: Path) -> None:
    options = ("--level", "64MiB", "--grace", "1h", "--on-breach", TERM)
    with (
        memory_cgroup() as group,
        watching(tmp_path, *options) as watch,
        Workload("judged", cgroup=group) as workload,
    ):
        workload.do("map 80MiB")
        workload.do("touch 0")
        watch.wait_for(is_held_back, SECONDS)
        for _ in range(3):
            watch.next_snapshot()
        workload.do("map 1MiB")
    assert len([one for one in watch.records if is_held_back(one)]) == 1
    assert of_type(watch, "step") == []
