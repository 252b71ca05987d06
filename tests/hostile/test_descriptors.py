"""Hundreds of stopped processes of one user, and a watch that may open 1,024 files."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step
from tests.support.build import flood_binary, named
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.process_state import state, until
from tests.support.records import Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

VICTIM, CROWD = unique_comm(), unique_comm()
PROCESSES = 600
POLICIES = f"""
[[policy]]
name = "stop"
match.comm = "{CROWD}"
capture = false
fuse = {{ bound = "256KiB", of = "process" }}
then = [{{ action = "shell", line = "sleep 300", timeout = "5m" }}]

[[policy]]
name = "protect"
match.comm = "{VICTIM}"
capture = false
when = [{{ detector = "level", bound = "64MiB" }}]
then = [{{ action = "exec", command = ["/bin/true"] }}]
"""


class FewDescriptors(Watch):
    """A watch whose limit on descriptors, soft and hard, is the usual one."""

    @property
    def argv(self) -> Sequence[str]:
        return ["prlimit", "--nofile=1024:1024", *super().argv]


def test_job_is_protected_beside_hundreds_of_stopped_processes(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICIES)
    options = (
        "--comm", VICTIM, "--comm", CROWD, "--interval", "500ms",
        "--config", str(file), "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        memory_cgroup() as crowded,
        Workload(VICTIM, cgroup=group) as victim,
        FewDescriptors(*options) as watch,
    ):
        program = named(flood_binary(), CROWD, tmp_path)
        grown = subprocess.Popen(crowded.inside([program, "grow", str(PROCESSES)]))
        try:
            until(lambda: stopped(crowded.pids()) == PROCESSES)
            watch.next_snapshot(SECONDS)
            victim.do("map 100MiB")
            victim.do("touch 0")
            step = watch.wait_for(is_step("exec"), SECONDS)
            assert (step["pid"], step["status"]) == (victim.pid, "done")
            ended = watch.stop(signal.SIGTERM, patient(30))
            assert (ended.code, ended.stderr) == (0, "")
            assert stopped(crowded.pids()) == 0
        finally:
            grown.kill()
            crowded.remove()
            grown.wait()


def stopped(pids: Sequence[int]) -> int:
    return sum(state(pid) == "T" for pid in pids)
