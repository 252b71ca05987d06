"""A real systemd unit as a job; systemd runs in `make test-vm ARGS=--systemd`'s machines."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import OomKilled, ProcessStarted
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.jobs import JobResolver
from ebpftrace.probe import Selection
from tests.support.observer import Observer
from tests.support.workload import Workload

MIB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def only_systemd() -> None:
    """The folder that sd_booted(3) looks for."""
    if not Path("/run/systemd/system").is_dir():
        pytest.skip("systemd is not process 1 here; the machines of tests/vm can have it")


@pytest.fixture
def unit() -> Iterator[str]:
    """A name for a service of the test's own, stopped and forgotten afterwards."""
    name = f"ebpftrace-test-{secrets.token_hex(4)}.service"
    yield name
    for verb in ("stop", "reset-failed"):
        subprocess.run(["systemctl", verb, name], capture_output=True, check=False)


def start(unit: str, script: str, *properties: str) -> Workload:
    """Run a script of the exact process as a service; keep what is returned till the end."""
    service = Workload("served")
    options = [f"--property={text}" for text in properties]
    argv = ["systemd-run", "--quiet", f"--unit={unit}", *options, str(service.program)]
    subprocess.run([*argv, "--do", script], check=True)
    return service


def test_a_unit_is_the_job_with_its_own_limit(unit: str) -> None:
    observer = Observer(Selection(comms=("served",)))
    paths = CgroupPaths(memory_hierarchy())
    try:
        service = start(unit, "map 20MiB; touch 0; sleep 60000", "MemoryMax=100M")
        started = observer.last(ProcessStarted)
        assert started.program == str(service.program)
        job = JobResolver(paths).resolve(started.key.pid, started.cgroup_id)
        assert (job.kind, job.cgroup) == ("systemd", f"/system.slice/{unit}")
        assert observer.cgroup(started.cgroup_id).counters.limit_bytes == 100 * MIB
    finally:
        observer.close()
        paths.close()


def test_a_unit_that_runs_out_of_memory_is_told(unit: str) -> None:
    observer = Observer(Selection(comms=("served",)))
    try:
        service = start(unit, "map 100MiB; touch 0; sleep 60000", "MemoryMax=40M")
        kill = observer.last(OomKilled)
        assert kill.key == observer.last(ProcessStarted).key
        assert kill.cgroup.limit_bytes == 40 * MIB
        assert service.comm == kill.comm
    finally:
        observer.close()
