"""One user fills the audit log and the folder of evidence; what is in them of others stays."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, logged
from tests.support.build import flood_binary, named, pretend_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import delegated
from tests.support.floods import lasting
from tests.support.names import unique_comm
from tests.support.process_state import until
from tests.support.protection import protected_watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

SPILLER, OTHER = unique_comm(), unique_comm()
CGROUPS = 60
LINES_A_MINUTE = 32
KEEP = 4
HELD_BACK = f"""
[[policy]]
name = "runs"
match.comm = ["exe", "{SPILLER}"]
grace = "1h"
when = [{{ detector = "level", bound = "1KiB" }}]
then = [{{ action = "notify" }}]
"""
CAPTURE = """
[[policy]]
name = "{comm}"
match.comm = "{comm}"
grace = "0s"
cooldown = "{cooldown}"
capture = false
when = [{{ detector = "level", bound = "4MiB", of = "process" }}]
then = [{{ action = "capture", folder = "{folder}", keep = {keep} }}]
"""


@contextmanager
def spilling(group: MemoryCgroup, folder: Path, cgroups: int = CGROUPS) -> Iterator[None]:
    """Processes of one user, each in another cgroup, hold some memory."""
    begin = delegated(group)
    program = named(flood_binary(), SPILLER, folder)
    argv = begin.inside([program, "spill", str(group.path), str(cgroups)])
    with lasting(group, argv):
        yield


@contextmanager
def pretending(group: MemoryCgroup, _folder: Path) -> Iterator[None]:
    """Processes of one cgroup say they are runs of CI jobs, each of another one."""
    argv = group.inside([pretend_binary(), "live", str(CGROUPS)])
    with lasting(group, argv):
        yield


@pytest.mark.parametrize("attack", [spilling, pretending])
def test_audit_log_has_a_bounded_number_of_lines_of_what_was_held_back(
    tmp_path: Path, attack: Callable[[MemoryCgroup, Path], AbstractContextManager[None]]
) -> None:
    options = ("--comm", SPILLER, "--comm", "exe", "--interval", "200ms")
    began = time.monotonic()
    with (
        memory_cgroup() as group,  # of these alone: tests that run at once pretend as well
        protected_watch(tmp_path, *options, policies=HELD_BACK, scope=[group]) as protection,
        attack(group, tmp_path),
    ):
        until(lambda: logged(tmp_path, "suppressed"))
        for _ in range(5):
            protection.watch.next_snapshot(SECONDS)
        protection.verify()
    minutes = 1 + (time.monotonic() - began) // 60
    lines = logged(tmp_path, "suppressed")
    assert len(lines) <= LINES_A_MINUTE * minutes
    of_attack = [line for line in lines if line["job"]["cgroup"].startswith(group.name)]
    assert 1 <= len(of_attack) <= (minutes if attack is pretending else len(lines))
    assert {line["policy"] for line in logged(tmp_path, "step")} == {"protect", "stop"}


def test_incidents_of_one_job_push_out_no_evidence_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    policy = "".join(
        CAPTURE.format(comm=comm, cooldown=cooldown, folder=folder, keep=KEEP)
        for comm, cooldown in ((SPILLER, "0s"), (OTHER, "1h"))
    )
    options = ("--comm", SPILLER, "--comm", OTHER, "--interval", "200ms")
    with (
        memory_cgroup() as group,
        memory_cgroup() as spilled,
        protected_watch(tmp_path, *options, policies=policy) as protection,
        Workload(OTHER, cgroup=group) as other,
    ):
        captured = protection.is_of_attack("step")
        other.do("map 8MiB")
        other.do("touch 0")
        assert protection.watch.wait_for(captured, SECONDS)["status"] == "done"
        (evidence,) = folder.iterdir()
        assert jobs_in(folder) == [group.name]
        with spilling(spilled, tmp_path, 3 * KEEP):
            until(lambda: len(protection.of_attack("step")) > 3 * KEEP)
            until(lambda: len(jobs_in(folder)) <= 2 * KEEP)  # removed after the disk has all
            protection.verify(descriptors=512)
            assert evidence.is_dir()
            kept = jobs_in(folder)
            assert sorted(job.startswith(spilled.name) for job in kept)[:2] == [False, True]


def jobs_in(folder: Path) -> list[str]:
    """The cgroups of the incidents whose evidence is complete."""
    found = []
    for file in folder.glob("[!.]*/manifest.json"):
        with suppress(FileNotFoundError):  # it is being removed
            found.append(json.loads(file.read_bytes())["facts"]["cgroup"])
    return found
