"""Real systemd units as jobs; systemd runs in the machines of `make test-vm`."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import OomKilled, ProcessStarted
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.jobs import JobResolver
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.probe import Selection
from tests.support.observer import Observer
from tests.support.sessions import end_session, session_mark
from tests.support.systemd import require_systemd, service, stop, unit_name
from tests.support.workload import Workload

MIB = 1 << 20
HOLDS = ("--do", "map 20MiB; touch 0; sleep 600000")


@pytest.fixture(scope="module", autouse=True)
def only_systemd() -> None:
    require_systemd()


@pytest.fixture(scope="module")
def program(only_systemd: None) -> Iterator[Path]:
    """The exact process, called `served`."""
    served = Workload("served")  # its program is there as long as this is
    yield served.program


@pytest.fixture
def observer(only_systemd: None) -> Iterator[Observer]:
    observer = Observer(Selection(comms=("served",)))
    yield observer
    observer.close()


def job_of(started: ProcessStarted) -> JobIdentity:
    paths = CgroupPaths(memory_hierarchy())
    try:
        return JobResolver(paths).resolve(started.key.pid, started.cgroup_id)
    finally:
        paths.close()


def test_unit_is_a_job_with_its_own_limit(observer: Observer, program: Path) -> None:
    with service([program, *HOLDS], "MemoryMax=100M") as unit:
        started = observer.last(ProcessStarted)
        assert started.key.pid == unit.pid
        assert started.program == str(program)
        job = job_of(started)
        assert (job.kind, job.name) == ("systemd", unit.name)
        assert job.cgroup == f"/system.slice/{unit.name}" == unit.show("ControlGroup")
        assert observer.cgroup(started.cgroup_id).counters.limit_bytes == 100 * MIB


def test_oom_kill_in_a_unit_is_reported(observer: Observer, program: Path) -> None:
    argv: list[str | Path] = [program, "--do", "map 100MiB; touch 0; sleep 600000"]
    with service(argv, "MemoryMax=40M") as unit:
        kill = observer.last(OomKilled)
        assert kill.key == observer.last(ProcessStarted).key
        assert kill.cgroup.limit_bytes == 40 * MIB
        assert kill.comm == "served"
        assert unit.show("Result") == "oom-kill"


def test_limit_of_a_slice_applies_to_its_units(observer: Observer, program: Path) -> None:
    r"""`a\x2db` is systemd's own way to write a dash that nests no slice."""
    slice_ = f"ebpftracetest{secrets.token_hex(4)}-a\\x2db.slice"
    name = unit_name(middle="a\\x2db-")
    with service([program, *HOLDS], name=name, slice_=slice_) as unit:
        argv = ["systemctl", "set-property", "--runtime", "--", slice_, "MemoryMax=80M"]
        subprocess.run(argv, check=True)
        started = observer.last(ProcessStarted)
        job = job_of(started)
        outer = f"{slice_.partition('-')[0]}.slice"
        assert job.cgroup == f"/{outer}/{slice_}/{name}" == unit.show("ControlGroup")
        assert job.name == name
        assert observer.cgroup(started.cgroup_id).counters.limit_bytes == 80 * MIB


def test_scope_is_the_job_of_its_processes(observer: Observer, program: Path) -> None:
    name, mark = unit_name("scope"), session_mark()
    process = subprocess.Popen(
        [
            "systemd-run", "--quiet", "--scope", f"--unit={name}", "--slice=user.slice",
            "--property=MemoryMax=60M", "--", program, *HOLDS,
        ],
        env={"PATH": "/usr/bin:/bin", **mark},
        start_new_session=True,
    )  # fmt: skip
    try:
        started = observer.last(ProcessStarted)
        assert started.key.pid == process.pid, "systemd-run --scope becomes the program"
        job = job_of(started)
        assert (job.kind, job.name, job.cgroup) == ("systemd", name, f"/user.slice/{name}")
        assert observer.cgroup(started.cgroup_id).counters.limit_bytes == 60 * MIB
    finally:
        end_session(process, mark)
        stop(name)


def test_cgroup_below_a_unit_is_a_job_under_the_units_limit(
    observer: Observer, program: Path
) -> None:
    """Delegate=yes: the unit makes cgroups of its own, as container runtimes do.

    There is no $$ in the script: systemd would take it for its own dollar.
    """
    script = (
        "cg=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup); "
        'mkdir "$cg/main" "$cg/build"; echo 0 >"$cg/main/cgroup.procs"; '
        'echo +memory >"$cg/cgroup.subtree_control"; '
        'echo 50M >"$cg/build/memory.max"; '
        'sh -c \'echo 0 >"$1/build/cgroup.procs"; shift; exec "$@"\' sh "$cg" "$@"'
    )
    argv: list[str | Path] = ["sh", "-c", script, "sh", program, *HOLDS]
    with service(argv, "Delegate=yes", "MemoryMax=90M") as unit:
        started = observer.last(ProcessStarted)
        job = job_of(started)
        assert job.name == f"{unit.name}/build"
        assert job.cgroup == f"/system.slice/{unit.name}/build"
        assert observer.cgroup(started.cgroup_id).counters.limit_bytes == 50 * MIB
