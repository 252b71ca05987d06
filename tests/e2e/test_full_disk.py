"""A disk without room for evidence and audit log: the breaker acts, and says what it lacks."""

import shutil
from pathlib import Path

import pytest

from ebpftrace.units import KIB
from tests.support.acting import SECONDS, is_step, is_type, logged, of_type, policy, watching
from tests.support.cgroups import memory_cgroup
from tests.support.disks import fill, small_disk
from tests.support.respawn import COMM
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel


def test_a_leak_is_ended_all_the_same_and_told_of_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * KIB) as disk:
        file = policy(disk, then='{ action = "signal" }')
        shutil.move(file, tmp_path / file.name)
        options = ("--config", str(tmp_path / file.name))
        with (
            memory_cgroup() as group,
            watching(disk, *options) as watch,
            Workload(COMM, cgroup=group) as leaky,
        ):
            watch.next_snapshot()
            filler = fill(disk)
            leaky.do("map 100MiB")
            leaky.send("touch 0")
            step = watch.wait_for(is_step("signal"), SECONDS)
            remark = watch.wait_for(
                lambda one: "cannot be written" in one.get("text", ""), SECONDS
            )
            assert logged(disk) == []
            filler.unlink()
            with Workload(COMM, cgroup=group):  # one that came: none is waited for
                outcome = watch.wait_for(is_type("outcome"), SECONDS)
            again = watch.wait_for(lambda one: "written again" in one.get("text", ""), SECONDS)
            ended = watch.stop()
        kinds = [line["type"] for line in logged(disk)]
    assert step["status"] == "done"
    assert remark["text"] == "the audit log cannot be written: No space left on device"
    assert again["text"] == "the audit log can be written again; no record is missing"
    capture = of_type(watch, "step")[0]
    assert (capture["status"], capture["detail"]) == ("failed", "No space left on device")
    assert outcome["helped"]
    assert ended.code == 0
    assert kinds == [
        "incident", "step_started", "step", "step_started", "step", "outcome",
    ]  # fmt: skip
