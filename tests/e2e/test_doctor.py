"""`ebpftrace doctor` on this node, with real jobs, daemons and kernels that lack something."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.doctor.node.jobs import running_jobs
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.proc import read_comm
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.cli import (
    assert_on_one_screen,
    ebpftrace,
    ebpftrace_as_nobody,
    without_capabilities,
    without_mounts,
)
from tests.support.process_state import until

pytestmark = pytest.mark.kernel

OK, WARNINGS, ERRORS = 0, 17, 18
LIMIT = 64 << 20
DAEMON = "gopls-0a1b2c-daemon.ci"


def checks(
    *before: str, options: tuple[str, ...] = ()
) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and the checks by their name."""
    done = ebpftrace("doctor", "--json", *options, before=before)
    found: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(done.stdout)["checks"]:
        found.setdefault(check["name"], []).append(check)
    return done.returncode, found


@contextmanager
def run_of(group: MemoryCgroup, number: int) -> Iterator[None]:
    variables = (
        "GITHUB_ACTIONS=true", f"GITHUB_RUN_ID={number}", "GITHUB_JOB=test",
        f"GITHUB_REPOSITORY=org/repo{number}",
    )  # fmt: skip
    process = group.run(["/usr/bin/env", "-i", *variables, "/bin/sleep", "600"])
    try:
        until(lambda: read_comm(process.pid) == "sleep")
        yield
    finally:
        process.kill()
        process.wait()


def test_a_node_with_bpf_is_described_and_the_exit_code_is_that_of_the_worst() -> None:
    code, found = checks()
    states = [check["state"] for each in found.values() for check in each]
    assert found["bpf"][0]["state"] == found["btf"][0]["state"] == "ok"
    assert "rss_stat" in found["memory"][0]["seen"]
    worst = "error" if "error" in states else "warning" if "warning" in states else "ok"
    assert code == {"ok": OK, "warning": WARNINGS, "error": ERRORS}[worst]


def test_it_is_printed_in_eighty_columns_without_colour_in_a_pipe() -> None:
    done = ebpftrace("doctor")
    assert done.stdout.startswith("kernel\n  ✓ BPF programs can be loaded\n")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    assert_on_one_screen(done.stderr)


def test_ascii_is_enough() -> None:
    done = ebpftrace("doctor", environment={"PYTHONIOENCODING": "ascii"})
    assert done.stdout.startswith("kernel\n  + BPF programs can be loaded\n")
    assert "Traceback" not in done.stderr


def test_a_user_without_rights_gets_all_the_same_what_can_be_known() -> None:
    done = ebpftrace_as_nobody("doctor")
    assert "▲ ebpftrace may not load BPF programs" in done.stdout
    assert "memory cgroups" in done.stdout
    assert done.returncode in (WARNINGS, ERRORS), done.stderr
    assert "Traceback" not in done.stderr


def test_root_without_the_capabilities() -> None:
    _, found = checks(*without_capabilities("bpf", "perfmon", "sys_admin"))
    assert found["bpf"][0]["state"] == "warning"
    assert "CAP_BPF" in found["bpf"][0]["why"]


def test_a_kernel_that_does_not_publish_its_types() -> None:
    code, found = checks(*without_mounts("mount -t tmpfs none /sys/kernel/btf"))
    assert code == ERRORS
    assert found["btf"][0]["state"] == "error"
    assert "memory" not in found  # how it is measured is not known


def test_limits_of_jobs_and_cgroups_that_they_share_are_found() -> None:
    with (
        memory_cgroup(limit=LIMIT) as alone,
        memory_cgroup() as together,
        run_of(alone, 1),
        run_of(together, 2),
        run_of(together, 3),
    ):
        limits = {
            each.job.cgroup_id: each.limit_bytes
            for each in running_jobs(memory_hierarchy())
            if each.job.cgroup_id in (alone.id, together.id)
        }
        _, found = checks()
    assert limits == {alone.id: LIMIT, together.id: None}
    # Of all jobs without a limit only some are named, and others may run here.
    assert any("without a memory limit: " in one["seen"] for one in found["limits"])
    (shared,) = (one for one in found["shared"] if f" {together.name}: " in one["seen"])
    assert "2 CI runs share" in shared["seen"]
    assert "repo2" in shared["seen"]
    assert "repo3" in shared["seen"]


def test_a_socket_of_an_ended_daemon_is_named_and_removed_when_asked_to() -> None:
    # This checkout may be in one of them.
    mounts = [f"mount --rbind {ROOT} /mnt"]
    mounts += [f"mount -t tmpfs none {folder}" for folder in ("/tmp", "/var/tmp", "/run")]
    mounts += [f"mkdir -p {ROOT}", f"mount --rbind /mnt {ROOT}", f"cd {ROOT}"]
    bind = f"socket.socket(socket.AF_UNIX).bind('/tmp/{DAEMON}')"
    setting = (*mounts, f'{sys.executable} -c "import socket; {bind}"')
    _, found = checks(*without_mounts(*setting))
    assert found["left behind"][0]["state"] == "warning"
    assert f"1 socket: /tmp/{DAEMON}" in found["left behind"][0]["seen"]
    _, found = checks(*without_mounts(*setting), options=("--fix",))
    assert found["left behind"][0]["state"] == "ok"
    assert f"removed what ended gopls left: 1 socket: /tmp/{DAEMON}" in str(found)
    mended = f"{{ {sys.executable} -m ebpftrace doctor --fix >/dev/null 2>&1 || :; }}"
    _, found = checks(*without_mounts(*setting, mended))
    assert "left behind" not in found


@pytest.fixture
def program() -> Iterator[Path]:
    """A program called earlyoom, which any user may run and write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "earlyoom"
        shutil.copy("/bin/sleep", path)
        path.chmod(0o777)
        yield path


def test_an_earlyoom_of_root_is_found_and_that_of_a_job_is_not(program: Path) -> None:
    as_nobody = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with memory_cgroup() as group:
        started = [group.run([program, "600"]), group.run([*as_nobody, program, "600"])]
        try:
            until(lambda: all(read_comm(one.pid) == "earlyoom" for one in started))
            _, found = checks()
        finally:
            for one in started:
                one.kill()
                one.wait()
    seen = " ".join(one["seen"] for one in found["earlyoom"])
    assert f"(pid {started[0].pid})" in seen
    assert f"(pid {started[1].pid})" not in seen
    assert "available memory" in seen
