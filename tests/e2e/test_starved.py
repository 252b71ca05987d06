"""A service in the limits of a small container: 5 % of a CPU, and 64 MiB."""

from pathlib import Path

import pytest

from tests.support.acting import logged, policy
from tests.support.cgroups import memory_cgroup
from tests.support.cpu_quota import cpu_quota
from tests.support.respawn import COMM, respawned
from tests.support.serving import Serve

pytestmark = pytest.mark.kernel

MIB = 1 << 20


def test_starved_service_is_ready_acts_and_ends(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "signal", grace = "5s" }')
    with (
        memory_cgroup(64 * MIB) as own,
        memory_cgroup() as group,
        cpu_quota(0.05, own) as before,
        Serve("--comm", COMM, "--audit", str(tmp_path / "audit.jsonl"), "--no-history",
              "--config", str(file), before=before) as served,
    ):  # fmt: skip
        served.wait_until_ready()
        with respawned(group):
            served.until(
                lambda: served.value("ebpftrace_incidents", policy="leaks", result="helped")
            )
        assert served.value("ebpftrace_job_memory_peak_bytes") is not None
        assert served.end() == 0
        assert own.oom_kills() == 0
    steps = [record for record in logged(tmp_path) if record["type"] == "step"]
    assert [step["action"] for step in steps[:2]] == ["capture", "signal"]
    assert {step["status"] for step in steps} == {"done"}
