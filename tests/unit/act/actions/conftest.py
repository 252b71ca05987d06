"""An incident about a real process, whose job has a cgroup v2 made of plain files."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.incident.incident import Incident
from ebpftrace.host.proc import read_comm
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import MIB
from tests.support.incidents import about
from tests.support.process_state import until

FILES = {
    "memory.current": f"{400 * MIB}\n",
    "memory.high": "max\n",
    "memory.reclaim": "",
    "memory.stat": f"anon {100 * MIB}\nfile {300 * MIB}\nshmem {50 * MIB}\n",
    "cgroup.freeze": "0\n",
    "cgroup.events": "populated 1\nfrozen 0\n",
    "cgroup.procs": "",
}


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    """A fake: not every kernel has its memory controller on v2. tests/vm has real ones."""
    folder = tmp_path / "cgroup"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "100"]) as process:
        until(lambda: read_comm(process.pid) == "sleep")  # exec sets the name last
        yield process
        process.kill()


@pytest.fixture
def sleeping_job(cgroup: Path, sleeper: subprocess.Popen[bytes]) -> Incident:
    (cgroup / "cgroup.procs").write_text(f"{sleeper.pid}\n")
    job = JobIdentity("7", "build", "cgroup", "path", "/ci/fake", 7)
    return about(sleeper.pid, cgroup, job=job)
