"""A process with namespaces of its own, as a container has them, under its host pid."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.events import ProcessStarted
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.namespaces import in_initial_pid_namespace
from ebpftrace.jobs import JobResolver
from ebpftrace.probe import Selection
from tests.support.cgroups import memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.observer import Observer
from tests.support.workload import Workload

MIB = 1 << 20
CONTAINER = f"docker/{'b' * 64}"
UNSHARED = (
    "unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--cgroup",
    "--uts", "--ipc", "--net",
)  # fmt: skip


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    observer = Observer(Selection(comms=("boxed",)))
    yield observer
    observer.close()


def test_process_in_a_container_has_its_host_pid(observer: Observer) -> None:
    boxed = Workload("boxed")  # only its program: unshare has to start it
    paths = CgroupPaths(memory_hierarchy())
    with memory_cgroup(limit=100 * MIB, name=CONTAINER) as group:
        unshare = group.run(
            [*UNSHARED, boxed.program, "--do", "map 20MiB; touch 0; sleep 60000"]
        )
        try:
            pid = observer.last(ProcessStarted, lambda event: event.comm == "boxed").key.pid
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            assert f"NSpid:\t{pid}\t1\n" in status, "it is the first of its namespace"
            assert observer.started(pid).cgroup_id == group.id
            while observer.counters(pid).usage.anon_bytes < 20 * MIB:
                time.sleep(0.01)  # until it has touched it all, or pytest's timeout
            job = JobResolver(paths).resolve(pid, group.id)
            assert (job.cgroup, job.cgroup_id) == (group.name, group.id)
            assert (job.kind, job.name) == ("docker", f"docker {'b' * 12}")
            assert observer.cgroup(group.id).counters.limit_bytes == 100 * MIB
        finally:
            unshare.kill()  # --kill-child: the boxed one goes with it
            unshare.wait()
    paths.close()


def test_watch_in_a_pid_namespace_reports_it() -> None:
    """Pids from the kernel are those of the host, which /proc in the namespace lacks."""
    watch = ("watch", "--comm", "e2e-none", "--once", "--output", "jsonl")
    inside = ebpftrace(*watch, before=["unshare", "--pid", "--fork", "--mount-proc"])
    assert inside.returncode == 0, inside.stderr
    assert "--pid=host" in json.loads(inside.stdout.splitlines()[0])["remarks"][-1]
    if in_initial_pid_namespace():
        here = json.loads(ebpftrace(*watch).stdout.splitlines()[0])
        assert not [remark for remark in here["remarks"] if "--pid=host" in remark]
