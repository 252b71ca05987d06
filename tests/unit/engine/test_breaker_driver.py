"""The breaker's place in a watch: marks, reloads and remarks; the breaker is real."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.incident.outcome import Outcome, StepOutcome
from ebpftrace.act.policy.fuse import Fuse, backstop
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.reader import default_step
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.engine.breaker_driver import BreakerDriver
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.events import Breached, FuseBlown, FuseScope, ProcessExited
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.ready import wait_readable
from ebpftrace.ledger import Snapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from ebpftrace.views.start import RemarkKind
from tests.support import watches
from tests.support.conditions import growth, level
from tests.support.incidents import key_of, sleeping
from tests.support.recording_view import RecordingView
from tests.support.scripted_holding import ScriptedHolding
from tests.support.scripted_probe import ScriptedProbe, holding
from tests.support.scripted_time import ScriptedTime

LEVEL = Policy("leaks", Match(), (level(64 * MIB),), Mode.ANY, (), grace_ns=0)
FUSE = replace(LEVEL, name="bursts", when=(), fuse=Fuse(GIB, False))
GOPLS = watches.process(resident=10 * MIB)
GROUP = watches.identity().cgroup_id
POLICY_FILE = """
[[policy]]
name = "leaks"
when = [{ detector = "level", bound = "64MiB" }]
then = [{ action = "notify" }]
"""


def half_way(bound_bytes: int) -> int:
    """The first mark of a bound."""
    held = GOPLS.own.held_bytes
    return held + (bound_bytes - held) // 2


class Driving:
    """A driver with all that it is given."""

    def __init__(self, folder: Path, store: PolicyStore, *, fuses: bool = False) -> None:
        self.time, self.probe = ScriptedTime(), ScriptedProbe(fuses=fuses)
        self.view = RecordingView(lambda: self.time.seconds)
        self.holding = ScriptedHolding()
        self.log = AuditLog(folder / "audit.jsonl")
        resources = BreakerResources(store, self.log)
        if fuses:
            resources.holding = cast(Any, self.holding)
        paths = CgroupPaths(MemoryHierarchy("v1", folder))
        self.driver = BreakerDriver(resources, self.probe, paths, self.view, self.time)

    def snapshot(self, *resident: int) -> None:
        """The next one, a second later; its processes hold this much."""
        self.time.advance(1)
        processes = [watches.process(4711 + i, size) for i, size in enumerate(resident)]
        jobs = [watches.job(processes=processes)] if processes else []
        now_ns = self.time.now_ns
        made: Snapshot = watches.snapshot(*jobs)._replace(monotonic_ns=now_ns)
        self.driver.handle_snapshot((), made)

    def close(self) -> None:
        self.driver.close()
        self.log.close()
        self.probe.close()


@pytest.fixture
def driving(tmp_path: Path) -> Iterator[Driving]:
    with closing(Driving(tmp_path, PolicyStore(None, (LEVEL,)))) as made:
        yield made


@pytest.fixture
def fused(tmp_path: Path) -> Iterator[Driving]:
    with closing(Driving(tmp_path, PolicyStore(None, (FUSE,)), fuses=True)) as made:
        yield made


def test_marks_are_set_anew_with_each_snapshot(driving: Driving) -> None:
    mark = ("mark group", GROUP, half_way(64 * MIB))
    driving.snapshot(10 * MIB)
    assert driving.probe.asked == [mark]
    driving.snapshot(10 * MIB)
    assert driving.probe.asked == [mark, mark]


def test_mark_is_removed_with_its_job(driving: Driving) -> None:
    driving.snapshot(10 * MIB)
    driving.snapshot()
    assert driving.probe.asked[-1] == ("mark group", GROUP, 0)
    driving.snapshot()
    assert len(driving.probe.asked) == 2


def test_process_has_a_mark_of_its_own_where_a_policy_is_per_process(tmp_path: Path) -> None:
    each = replace(LEVEL, when=(level(64 * MIB, per_process=True),))
    with closing(Driving(tmp_path, PolicyStore(None, (each,)))) as driving:
        driving.snapshot(10 * MIB)
        assert driving.probe.asked == [("mark process", 4711, half_way(64 * MIB))]


def test_breach_of_a_group_that_is_gone_is_ignored(driving: Driving) -> None:
    driving.snapshot(10 * MIB)
    driving.probe.asked.clear()
    driving.driver.handle_breach(Breached(5, GOPLS.key, GROUP, 70 * MIB, group=True))
    assert driving.probe.asked == [("read group", GROUP, 4711)]
    assert driving.view.calls == []


def test_breach_that_no_bound_confirms_marks_the_group_again(driving: Driving) -> None:
    driving.snapshot(10 * MIB)
    driving.probe.processes[GOPLS.key] = GROUP, holding(20)
    driving.probe.cgroups[GROUP] = watches.job().cgroup
    driving.probe.asked.clear()
    driving.driver.handle_breach(Breached(5, GOPLS.key, GROUP, 20 * MIB, group=True))
    assert driving.probe.asked[0] == ("read group", GROUP, 4711)
    assert driving.view.calls == []


def test_what_is_held_back_is_remarked_once(driving: Driving) -> None:
    for _ in range(3):
        driving.snapshot(100 * MIB)
    (remark,) = driving.view.remarks
    assert remark.startswith(f"policy {LEVEL.name} does nothing in build-42: ")


def test_short_windows_are_to_be_sampled(tmp_path: Path) -> None:
    short = replace(LEVEL, when=(growth(64 * MIB, NS_PER_SECOND),))
    with closing(Driving(tmp_path, PolicyStore(None, (short,)))) as driving:
        every = driving.driver.sample_every_ns
        assert every is not None
        assert 0 < every < NS_PER_SECOND


def test_level_needs_no_samples_of_its_own(driving: Driving) -> None:
    assert driving.driver.sample_every_ns is None


def test_reload_replaces_the_policies(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY_FILE)
    file.chmod(0o644)
    with closing(Driving(tmp_path, PolicyStore(file))) as driving:
        file.write_text(POLICY_FILE.replace("64MiB", "32MiB"))
        driving.driver.reload()
        driving.snapshot(10 * MIB)
        assert driving.view.remarks == ["1 policy reloaded"]
        assert driving.view.remark_kinds == [RemarkKind.RELOADED]
        assert driving.probe.asked == [("mark group", GROUP, half_way(32 * MIB))]


def test_bad_file_keeps_the_old_policies_and_is_remarked(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY_FILE)
    file.chmod(0o644)
    with closing(Driving(tmp_path, PolicyStore(file))) as driving:
        file.write_text("[[policy]]\nname = 7\n")
        driving.driver.reload()
        driving.snapshot(10 * MIB)
        (remark,) = driving.view.remarks
        assert "not reloaded, 1 policy kept" in remark
        assert driving.view.remark_kinds == [RemarkKind.NOT_RELOADED]
        assert driving.probe.asked == [("mark group", GROUP, half_way(64 * MIB))]


def test_fuse_that_a_reload_adds_needs_another_watch(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY_FILE)
    file.chmod(0o644)
    with closing(Driving(tmp_path, PolicyStore(file))) as driving:
        file.write_text(POLICY_FILE + 'fuse = { bound = "1GiB" }\n')
        driving.driver.reload()
        assert len(driving.view.remarks) == 2
        assert "add a fuse" in driving.view.remarks[1]


def test_log_that_cannot_be_written_is_remarked_once_and_again_once_it_can(
    driving: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = "the audit log cannot be written: No space left on device"
    monkeypatch.setattr(AuditLog, "trouble", property(lambda _self: trouble))
    driving.driver.poll()
    driving.driver.poll()
    monkeypatch.setattr(AuditLog, "trouble", property(lambda _self: ""))
    driving.driver.poll()
    assert driving.view.remarks == [
        trouble,
        "the audit log can be written again; no record is missing",
    ]


def test_deadline_of_no_action_is_the_caller_s(driving: Driving) -> None:
    assert driving.driver.due_ns(77) == 77
    assert len(driving.driver.fds) == 1


STOPPED = FuseBlown(5, GOPLS.key, GROUP, FuseScope.JOB, GIB, GIB, GIB, 19)


def test_fuse_and_exit_are_ignored_without_a_fuse(driving: Driving) -> None:
    driving.driver.handle_fuse(STOPPED, None)
    driving.driver.handle_exit(ProcessExited(5, GOPLS.key, "gopls", 0, 0, GOPLS.counters))
    assert not driving.driver.needs_snapshot
    assert driving.view.calls == []


def test_stopped_process_is_held_and_needs_a_snapshot(fused: Driving) -> None:
    fused.driver.handle_fuse(STOPPED, None)
    assert fused.holding.held == [GOPLS.key]
    assert fused.driver.needs_snapshot


def test_untracked_process_that_a_fuse_killed_is_remarked(fused: Driving) -> None:
    fused.driver.handle_fuse(STOPPED._replace(signal=9), None)
    (remark,) = fused.view.remarks
    assert str(GOPLS.pid) in remark
    assert fused.holding.held == []


def test_trouble_of_the_watchdog_is_remarked(fused: Driving) -> None:
    fused.holding.trouble = "the watchdog ended by signal 9"
    fused.snapshot(10 * MIB)
    assert fused.view.remarks == ["the watchdog ended by signal 9"]


@pytest.mark.parametrize(("fuse", "runs"), [(backstop(), True), (Fuse(GIB, False), False)])
def test_process_at_its_backstop_runs_again_once_a_step_has_acted(
    fuse: Fuse, runs: bool, tmp_path: Path
) -> None:
    """A line that sends SIGTERM needs that; at a fuse it waits for the end of the ladder."""
    ladder = (default_step("shell", line="true"),)
    policy = replace(FUSE, fuse=fuse, ladder=ladder)
    with (
        sleeping(tmp_path) as pid,
        closing(Driving(tmp_path, PolicyStore(None, (policy,)), fuses=True)) as driving,
    ):
        key = key_of(pid)
        job = watches.job(processes=(replace(watches.process(pid, 2 * GIB), key=key),))
        driving.time.advance(1)
        driving.driver.handle_fuse(STOPPED._replace(key=key), None)
        now = watches.snapshot(job)._replace(monotonic_ns=driving.time.now_ns)
        driving.driver.handle_snapshot((), now)
        while not driving.view.all(StepOutcome):
            wait_readable(driving.driver.fds[0], 1)
            driving.driver.poll()
        assert (key in driving.holding.resumed) is runs
        assert driving.view.all(Outcome) == []
