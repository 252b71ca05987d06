"""Hundreds of processes of one user, and a watch that may open few files, or none."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, of_type
from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.descriptors import no_descriptor_left
from tests.support.names import unique_comm
from tests.support.process_state import state, until
from tests.support.protection import protected_watch
from tests.support.records import Record, job_of

pytestmark = pytest.mark.kernel

STOPPED, SIGNALLED = unique_comm(), unique_comm()
PROCESSES, FEW = 300, 30
DESCRIPTORS = 256
"""Some hundred are taken by programs and maps, and the last 96 are kept for need: what takes
one for each process has to stop at that reserve."""
MOST_RSS_BYTES = 80 << 20
POLICIES = f"""
[[policy]]
name = "stopped"
match.comm = "{STOPPED}"
capture = false
fuse = {{ bound = "256KiB", of = "process" }}
then = [{{ action = "shell", line = "sleep 300", timeout = "5m" }}]

[[policy]]
name = "signalled"
match.comm = "{SIGNALLED}"
grace = "0s"
capture = false
when = [{{ detector = "level", bound = "3MiB", of = "process" }}]
then = [{{ action = "signal", send = ["HUP"], grace = "5m", orphans = "all", timeout = "9m" }}]
"""


def test_job_is_protected_beside_hundreds_of_stopped_and_signalled_processes(
    tmp_path: Path,
) -> None:
    """A death signal takes a descriptor for each of the first, a pidfd for each of the others.

    The signal is one that they ignore, so that the step waits for them.
    """
    with (
        protected_watch(
            tmp_path, "--comm", STOPPED, "--comm", SIGNALLED, "--interval", "500ms",
            policies=POLICIES,
            wrapper=lambda argv: ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *argv],
        ) as protection,
        flood_of(SIGNALLED, "family", tmp_path) as family,
        flood_of(STOPPED, "grow", tmp_path) as grown,
    ):  # fmt: skip
        protection.begin()
        until(lambda: stopped(grown.pids()) == PROCESSES)
        until(lambda: pidfds(protection.watch.pid))
        protection.works()
        remarks = [one["text"] for one in of_type(protection.watch, "remark")]
        assert any("no death signal" in text for text in remarks)  # the reserve was reached
        # None was taken for a process that has ended, since it could not be opened.
        assert {one["event"] for one in protection.of_attack("fuse")} == {"stopped"}
        snapshot = protection.watch.next_snapshot(SECONDS)
        for crowd in (grown, family):
            pids = crowd.pids()
            assert len(job_of(snapshot, pids[0])["processes"]) == len(pids) == PROCESSES + 1
        assert "descriptors" not in snapshot["losses"]
        protection.ends(rss_bytes=MOST_RSS_BYTES, descriptors=DESCRIPTORS)
        assert stopped(grown.pids()) == 0


def test_watch_continues_without_a_free_descriptor_and_counts_failed_readings(
    tmp_path: Path,
) -> None:
    """It reads on with those it holds for that. What it cannot open has not ended."""
    with protected_watch(
        tmp_path, "--comm", STOPPED, "--interval", "500ms", policies=POLICIES
    ) as protection:
        watch = protection.watch
        protection.begin()
        with flood_of(STOPPED, "grow", tmp_path, FEW) as grown:
            with no_descriptor_left(watch.pid):
                stop = watch.wait_for(protection.is_of_attack("fuse"), SECONDS)
                lacking = watch.wait_for(lambda record: lost(record) > 0, SECONDS)
                watch.wait_for(lambda record: lost(record) > lost(lacking), SECONDS)
                snapshot = watch.next_snapshot(SECONDS)
                pids = grown.pids()
                assert len(job_of(snapshot, stop["pid"])["processes"]) == len(pids) == FEW + 1
                # The incident could not be started: the process is resumed, with room to grow.
                events = {one["event"] for one in protection.of_attack("fuse")}
                assert {"stopped"} <= events <= {"stopped", "thawed"}
            protection.works()
            protection.ends(rss_bytes=MOST_RSS_BYTES)


@contextmanager
def flood_of(
    comm: str, kind: str, folder: Path, processes: int = PROCESSES
) -> Iterator[MemoryCgroup]:
    """So many processes of that kind, of tests/hostile/programs/flood.c, and their parent."""
    program = named(flood_binary(), comm, folder)
    with memory_cgroup() as group:
        flood = subprocess.Popen(group.inside([program, kind, str(processes)]))
        try:
            yield group
        finally:
            flood.kill()
            group.remove()
            flood.wait()


def lost(record: Record) -> int:
    """How often a snapshot says that something could not be read for want of a descriptor."""
    found: int = record.get("losses", {}).get("descriptors", 0)
    return found


def pidfds(pid: int) -> int:
    """How many a process has open."""
    return sum("pidfd" in str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())


def stopped(pids: Sequence[int]) -> int:
    """How many of these are stopped."""
    return sum(state(pid) == "T" for pid in pids)
