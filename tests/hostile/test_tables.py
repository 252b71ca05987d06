"""One user fills the tables of the kernel programs; the jobs of others are protected.

Its user owns a cgroup, as a runner delegates it to a job, and fills the tables before the
other jobs begin.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import delegate, delegated, pids_below, run_as_user
from tests.support.names import unique_comm
from tests.support.process_state import until
from tests.support.protection import protected_watch
from tests.support.records import Record

pytestmark = pytest.mark.kernel

FILLER = unique_comm()
WATCH_LIMIT = 1 << 30
"""Of the watch's cgroup: so the tables are of their least size, whatever the machine has."""
MOST_RSS_BYTES = 256 << 20  # with 7,168 processes of one job
SMALL = 72 << 20  # the least bound that is accepted: 64 processes, 32 cgroups


@dataclass(frozen=True)
class Attack:
    """The arguments of flood, whether it has done its work, and the finding that names it."""

    arguments: Callable[[Path], list[object]]
    is_done: Callable[[Path], bool]
    finding: str
    makes_cgroups: bool = True
    bound: int | None = None  # of the watch's memory


ATTACKS = {
    "processes of one job": Attack(
        lambda _: ["crowd", 8300],
        lambda at: len(pids_below(at)) == 8301,
        "quota:processes",
        makes_cgroups=False,
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
        makes_cgroups=False,
        bound=SMALL,
    ),
    "a process in each of many cgroups, with little memory for the watch": Attack(
        lambda at: ["spread", at, 400],
        lambda at: len(pids_below(at)) == 401,
        "quota:processes",
        bound=SMALL,
    ),
    "one process in one cgroup after the other, with little memory for the watch": Attack(
        lambda at: ["tour", at, 100],
        lambda at: bool(processes_in(at / "0/cgroup.procs")),
        "",
        bound=SMALL,
    ),
}


def processes_in(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


@contextmanager
def attack(of: Attack, folder: Path) -> Iterator[MemoryCgroup]:
    """It has done its work, and its processes stay."""
    with memory_cgroup() as group:
        begin = delegated(group, makes_cgroups=of.makes_cgroups)
        arguments = map(str, of.arguments(group.path))
        program = named(flood_binary(), FILLER, folder)
        process = subprocess.Popen(begin.inside([program, *arguments]))
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
    memory = ("--max-memory", str(bound)) if bound else ()
    options = ("--comm", FILLER, "--interval", "1s", *memory)
    with (
        memory_cgroup(limit=WATCH_LIMIT) as own,
        protected_watch(tmp_path, *options, wrapper=own.inside) as protection,
        attack(ATTACKS[name], tmp_path) as filled,
    ):
        protection.works()
        if ATTACKS[name].finding:
            finding = protection.watch.wait_for(is_finding(ATTACKS[name].finding), SECONDS)
            assert finding["job"]["cgroup_id"] == filled.id
            snapshot = protection.watch.next_snapshot(SECONDS)
            assert snapshot["losses"]["processes_full"] > 0
        protection.ends(rss_bytes=bound or MOST_RSS_BYTES)


def is_finding(detector: str) -> Callable[[Record], bool]:
    return lambda record: record["type"] == "finding" and record["detector"] == detector


def make_cgroups(group: MemoryCgroup, name: str) -> None:
    run_as_user("mkdir", *(group.path / f"{name}-{number}" for number in range(4200)))


def test_cgroups_below_a_watched_one_keep_no_job_out_of_the_watch(tmp_path: Path) -> None:
    """Neither those that are there when it begins, nor those that are made later."""
    with memory_cgroup() as runner, memory_cgroup(parent=runner, hand_down=False) as hostile:
        delegate(hostile)
        make_cgroups(hostile, "before")
        options = ("--cgroup", runner.name, "--interval", "1s")
        with (
            memory_cgroup(limit=WATCH_LIMIT) as own,
            protected_watch(
                tmp_path, *options, parent=runner, wrapper=own.inside
            ) as protection,
        ):
            make_cgroups(hostile, "later")
            protection.verify(rss_bytes=MOST_RSS_BYTES)
