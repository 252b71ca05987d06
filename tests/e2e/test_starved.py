"""A service in the limits of a small container: 5 % of a CPU, and little memory."""

from pathlib import Path

import pytest

from tests.support.acting import logged, policy
from tests.support.cgroups import memory_cgroup
from tests.support.cpu_quota import cpu_quota
from tests.support.respawn import COMM, respawned
from tests.support.serving import Serve
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20


def is_ready(served: Serve) -> bool:
    try:
        return served.get("/readyz")[0] == 200
    except OSError:
        return False  # it had no time for this request within the server's bound


def actions_done(folder: Path) -> list[str]:
    return [one["action"] for one in logged(folder, "step") if one["status"] == "done"]


def seen(served: Serve) -> bool:
    try:
        return "ebpftrace_process_memory_bytes" in served.metrics()
    except (OSError, AssertionError):
        return False


def test_starved_service_is_ready_sees_a_job_and_ends() -> None:
    with (
        memory_cgroup(64 * MIB) as own,
        memory_cgroup() as group,
        cpu_quota(0.05, own) as before,
        Serve("--comm", COMM, "--no-history", "--no-config", before=before) as served,
        Workload(COMM, cgroup=group) as job,
    ):
        job.do("map 100MiB")
        job.do("touch 0")
        served.until(lambda: is_ready(served))
        served.until(lambda: seen(served))
        assert served.end() == 0
        assert own.oom_kills() == 0


def test_starved_service_with_a_policy_acts_and_ends(tmp_path: Path) -> None:
    """Until its programs are verified, those of a policy take 30 MiB more."""
    file = policy(tmp_path, then='{ action = "signal", grace = "5s" }')
    with (
        memory_cgroup(128 * MIB) as own,
        memory_cgroup() as group,
        cpu_quota(0.05, own) as before,
        Serve("--comm", COMM, "--audit", str(tmp_path / "audit.jsonl"), "--no-history",
              "--config", str(file), before=before) as served,
    ):  # fmt: skip
        served.until(lambda: is_ready(served))
        with respawned(group):
            served.until(lambda: "signal" in actions_done(tmp_path))
        assert served.end() == 0
        assert own.oom_kills() == 0
