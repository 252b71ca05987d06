"""One user fills the tables of the kernel programs; the job of another is protected.

Its user owns a cgroup, as a runner delegates it to a job, and fills the tables before the
other job begins.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step
from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.process_state import until
from tests.support.records import Record, Watch, holds, job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

UNPRIVILEGED = 65534
VICTIM, FUSED, FILLER = unique_comm(), unique_comm(), unique_comm()
MIB = 1 << 20
LIMIT = 1 << 30
WATCH_LIMIT = 1 << 30
"""Of the watch's cgroup: so the tables are of their least size, whatever the machine has."""
MOST_RSS_BYTES = 256 * MIB  # with 7,168 processes of one job
SMALL = 72 * MIB  # the least bound that is accepted: 64 processes, 32 cgroups
POLICIES = f"""
[[policy]]
name = "protect"
match.comm = "{VICTIM}"
grace = "0s"
capture = false
when = [{{ detector = "level", bound = "64MiB" }}]
then = [{{ action = "exec", command = ["/bin/true"] }}]

[[policy]]
name = "stop"
match.comm = "{FUSED}"
capture = false
fuse = {{ bound = "64MiB", of = "job" }}
then = [{{ action = "notify" }}]
"""


class SmallWatch(Watch):
    """A watch in a memory cgroup."""

    def __init__(self, group: MemoryCgroup, *args: str) -> None:
        super().__init__(*args)
        self._group = group

    @property
    def argv(self) -> Sequence[str]:
        return self._group.inside(list(super().argv))


@dataclass(frozen=True)
class Attack:
    """The arguments of flood, whether it has done its work, and the finding that names it."""

    arguments: Callable[[Path], list[object]]
    is_done: Callable[[Path], bool]
    finding: str
    bound: int | None = None  # of the watch's memory


def pids_below(folder: Path) -> list[int]:
    """All that run in the cgroup and below it."""
    files = (Path(below) / "cgroup.procs" for below, _, _ in os.walk(folder))
    return [int(pid) for file in files for pid in processes_in(file).split()]


ATTACKS = {
    "processes of one job": Attack(
        lambda _: ["crowd", 8300], lambda at: len(pids_below(at)) == 8301, "quota:processes"
    ),
    "one process in one cgroup after the other": Attack(
        lambda at: ["tour", at, 4300], lambda at: bool(processes_in(at / "0/cgroup.procs")), ""
    ),
    "cgroups made and removed": Attack(
        lambda at: ["churn", at], lambda at: (at / "home").exists(), ""
    ),
    "processes of one job, with little memory for the watch": Attack(
        lambda _: ["crowd", 400],
        lambda at: len(pids_below(at)) == 401,
        "quota:processes",
        SMALL,
    ),
    "a process in each of many cgroups, with little memory for the watch": Attack(
        lambda at: ["spread", at, 400],
        lambda at: len(pids_below(at)) == 401,
        "quota:processes",
        SMALL,
    ),
    "one process in one cgroup after the other, with little memory for the watch": Attack(
        lambda at: ["tour", at, 100],
        lambda at: bool(processes_in(at / "0/cgroup.procs")),
        "",
        SMALL,
    ),
}


def processes_in(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


@contextmanager
def attack(of: Attack, folder: Path) -> Iterator[MemoryCgroup]:
    """It has done its work, and its processes stay."""
    with memory_cgroup() as group:
        for path in (group.path, group.path / "cgroup.procs"):
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
        arguments = map(str, of.arguments(group.path))
        program = named(flood_binary(), FILLER, folder)
        process = subprocess.Popen(group.inside([program, *arguments]))
        try:
            until(lambda: of.is_done(group.path))
            yield group
            assert process.poll() is None
        finally:
            process.kill()
            for pid in pids_below(group.path):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
            until(lambda: not pids_below(group.path))
            group.remove()


@pytest.mark.parametrize("name", ATTACKS)
def test_job_is_protected_where_another_fills_the_tables(tmp_path: Path, name: str) -> None:
    bound = ATTACKS[name].bound
    (tmp_path / "policy.toml").write_text(POLICIES)
    options = (
        "--comm", VICTIM, "--comm", FUSED, "--comm", FILLER, "--interval", "1s",
        "--config", str(tmp_path / "policy.toml"), "--audit", str(tmp_path / "audit.jsonl"),
        *(("--max-memory", str(bound)) if bound else ()),
    )  # fmt: skip
    with (
        memory_cgroup(limit=WATCH_LIMIT) as own,
        SmallWatch(own, *options) as watch,
        attack(ATTACKS[name], tmp_path) as filled,
    ):
        with (
            memory_cgroup(limit=LIMIT) as group,
            memory_cgroup(limit=LIMIT) as other,
            Workload(VICTIM, cgroup=group) as victim,
            Workload(FUSED, cgroup=other) as fused,
        ):
            seen = watch.wait_for(holds(victim.pid), SECONDS)
            assert job_of(seen, victim.pid)["limit_bytes"] == LIMIT
            victim.do("map 100MiB")
            victim.do("touch 0")
            step = watch.wait_for(is_step("exec"), SECONDS)
            assert (step["pid"], step["status"]) == (victim.pid, "done")
            watch.wait_for(holds(fused.pid), SECONDS)  # it has its bound by then
            fused.do("map 100MiB")
            fused.send("touch 0")
            fuse = watch.wait_for(lambda record: record["type"] == "fuse", SECONDS)
            assert (fuse["pid"], fuse["event"]) == (fused.pid, "stopped")
            assert 64 * MIB <= fuse["held_bytes"] < 66 * MIB
            if ATTACKS[name].finding:
                finding = watch.wait_for(is_finding(ATTACKS[name].finding), SECONDS)
                assert finding["job"]["cgroup_id"] == filled.id
            snapshot = watch.next_snapshot(SECONDS)
            assert snapshot["self"]["rss_bytes"] < (bound or MOST_RSS_BYTES)
            assert not ATTACKS[name].finding or snapshot["losses"]["processes_full"] > 0
        ended = watch.stop(signal.SIGTERM, patient(30))
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.of_type("end")


def is_finding(detector: str) -> Callable[[Record], bool]:
    return lambda record: record["type"] == "finding" and record["detector"] == detector


def test_cgroups_below_a_watched_one_keep_no_job_out_of_the_watch(tmp_path: Path) -> None:
    """Neither those that are there when it begins, nor those that are made later."""
    with memory_cgroup() as runner:
        for number in range(4200):
            (runner.path / f"before-{number}").mkdir()
        options = ("--cgroup", runner.name, "--interval", "1s", "--level", "64MiB",
                   "--on-breach", "true", "--audit", str(tmp_path / "audit.jsonl"))  # fmt: skip
        with (
            memory_cgroup(limit=WATCH_LIMIT) as own,
            SmallWatch(own, *options) as watch,
        ):
            for number in range(4200):
                (runner.path / f"later-{number}").mkdir()
            with (
                memory_cgroup(parent=runner, hand_down=False) as group,
                Workload(VICTIM, cgroup=group) as victim,
            ):
                watch.wait_for(holds(victim.pid), SECONDS)
                victim.do("map 100MiB")
                victim.do("touch 0")
                assert watch.wait_for(is_step("shell"), SECONDS)["pid"] == victim.pid
            ended = watch.stop(signal.SIGTERM, patient(30))
    assert (ended.code, ended.stderr) == (0, "")
