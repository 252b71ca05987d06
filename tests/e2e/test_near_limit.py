"""A process that is not watched takes the last of a limit, long before the next snapshot."""

from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, is_type, of_type, watching
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.respawn import COMM
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
LIMIT = 300 * MIB
INTERVAL_S = 30  # a snapshot in time is not one of an interval's end


def test_the_watched_process_that_holds_most_is_acted_on_in_time(tmp_path: Path) -> None:
    """It takes no page itself, so that no fuse can stop it."""
    options = (
        "--interval", f"{INTERVAL_S}s", "--on-breach", "kill -TERM $EBPFTRACE_PID",
        "--backstop", "99%",
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        Workload(COMM, cgroup=group) as watched,
        Workload(unique_comm(), cgroup=group) as other,
    ):
        group.limit(LIMIT)
        watched.do("map 260MiB")
        watched.do("touch 0")
        other.do("map 20MiB")
        other.do("touch 0")
        with watching(tmp_path, *options) as watch:
            watch.wait_for(is_type("snapshot"), SECONDS)
            other.send("grow 1MiB 18MiB")
            step = watch.wait_for(is_step("shell"), SECONDS)
            watch.wait_for(is_step("capture"), SECONDS)  # its sync may end after the hook
            steps = [one["action"] for one in of_type(watch, "step")]
            findings = of_type(watch, "finding")
        assert group.oom_kills() == 0
    assert (step["status"], step["pid"]) == ("done", watched.pid)
    assert sorted(steps) == ["capture", "shell"]
    critical = [one["detector"] for one in findings if one["severity"] == "critical"]
    assert critical == ["exhaustion"]
