"""memory.high throttles a job to a standstill (cgroup v2): it hangs, and is found."""

import pytest

from ebpftrace.units import MIB
from tests.support.cgroups import memory_cgroup, require_v2, write
from tests.support.kinds import kinds_process
from tests.support.patience import patient
from tests.support.records import Watch

pytestmark = pytest.mark.kernel


def test_a_job_that_stands_at_memory_high_hangs() -> None:
    require_v2()
    with (
        memory_cgroup() as group,
        kinds_process(group) as process,
        Watch("--cgroup", group.name, "--interval", "500ms") as watch,
    ):
        write(group.path / "memory.high", 40 * MIB)
        process.send("anon 400")
        found = watch.wait_for(
            lambda one: one["type"] == "finding" and one["detector"] == "hang", patient(60)
        )
        assert found["severity"] == "critical"
        assert "is throttled to a standstill at memory.high, 40 MiB" in found["sentence"]
        assert process.is_running
        assert group.oom_kills() == 0
