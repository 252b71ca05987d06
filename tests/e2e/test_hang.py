"""The OOM killer is disabled (cgroup v1): a job that meets its limit hangs, and is found."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.units import MIB
from tests.support.cgroups import MemoryCgroup, memory_cgroup, memory_hierarchy, write
from tests.support.process_state import until
from tests.support.records import Record, Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _v1() -> None:
    if memory_hierarchy()[1] != 1:
        pytest.skip("the OOM killer cannot be disabled on cgroup v2")


def disable_killer(group: MemoryCgroup) -> None:
    write(group.path / "memory.oom_control", 1)


def enable_killer(group: MemoryCgroup) -> None:
    write(group.path / "memory.oom_control", 0)


def is_under_oom(group: MemoryCgroup) -> bool:
    """Whether the kernel says that a task waits there."""
    return "under_oom 1" in (group.path / "memory.oom_control").read_text()


@contextmanager
def hanging(group: MemoryCgroup) -> Iterator[Workload]:
    """A process that grows by 10 MiB a second until it waits at the limit."""
    with Workload("exact", cgroup=group) as workload:
        workload.send("grow 10MiB 400MiB")
        yield workload


def is_finding(record: Record, detector: str, state: str = "begin") -> bool:
    found = [record.get(key) for key in ("type", "detector", "state")]
    return found == ["finding", detector, state]


def test_a_hang_is_critical_and_nothing_is_over_meanwhile() -> None:
    with memory_cgroup(limit=60 * MIB) as group:
        disable_killer(group)
        with hanging(group), Watch("--cgroup", group.name, "--interval", "500ms") as watch:
            found = watch.wait_for(lambda record: is_finding(record, "hang"), 40)
            assert is_under_oom(group)
            assert found["severity"] == "critical"
            assert "the OOM killer is disabled" in found["sentence"]
            assert "limit of 60 MiB" in found["sentence"]
            here = len(watch.records)
            # Longer than a finding outlives its condition.
            later = found["monotonic_ns"] + 13_000_000_000
            watch.wait_for(lambda record: record["monotonic_ns"] >= later, 40, since=here)
            seen = watch.records[:]
            assert [one["sentence"] for one in seen if one.get("state") == "end"] == []
            assert is_under_oom(group)


def test_the_limit_and_the_disabled_killer_of_an_ancestor_count() -> None:
    with memory_cgroup(limit=60 * MIB) as parent:
        disable_killer(parent)
        with (
            memory_cgroup(parent=parent) as group,
            hanging(group),
            Watch("--cgroup", group.name, "--interval", "500ms") as watch,
        ):
            watch.wait_for(lambda record: is_finding(record, "hang"), 40)
            assert is_under_oom(parent)


def test_a_killer_that_is_enabled_again_ends_the_hang() -> None:
    with memory_cgroup(limit=60 * MIB) as group:
        disable_killer(group)
        with (
            Workload("exact", cgroup=group),
            hanging(group) as workload,
            Watch("--cgroup", group.name, "--interval", "500ms") as watch,
        ):
            watch.wait_for(lambda record: is_finding(record, "hang"), 40)
            enable_killer(group)
            workload.wait()
            watch.wait_for(lambda record: record["type"] == "oom_kill", 20)
            watch.wait_for(lambda record: is_finding(record, "hang", "end"), 40)
            assert not is_under_oom(group)


def test_an_enabled_killer_makes_no_hang() -> None:
    with (
        memory_cgroup(limit=60 * MIB) as group,
        Workload("exact", cgroup=group),
        hanging(group) as workload,
        Watch("--cgroup", group.name, "--interval", "250ms") as watch,
    ):
        workload.wait()
        watch.wait_for(lambda record: record["type"] == "oom_kill", 20)
        watch.next_snapshot()
        assert not any(is_finding(record, "hang") for record in watch.records)


def test_a_policy_ends_the_process_that_hangs(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[policy]]\nname = "hangs"\nmatch.comm = "exact"\ngrace = "0s"\ncapture = false\n'
        'when = [{ detector = "hang" }]\n'
        'then = [{ action = "signal", send = ["TERM", "KILL"], grace = "1s" }]\n'
    )
    with memory_cgroup(limit=60 * MIB) as group:
        disable_killer(group)
        with (
            hanging(group) as workload,
            Watch(
                "--cgroup",
                group.name,
                "--interval",
                "500ms",
                "--config",
                str(policy),
                "--audit",
                str(tmp_path / "audit.jsonl"),
            ) as watch,
        ):
            step = watch.wait_for(lambda record: record["type"] == "step", 60)
            code = workload.wait()
            until(lambda: not is_under_oom(group))
    assert (step["action"], step["pid"]) == ("signal", workload.pid)
    assert code in (-signal.SIGTERM, -signal.SIGKILL)
