"""Several real processes as one target: a group, and a parent with its children."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS, capture
from ebpftrace.act.actions import signal as ending
from ebpftrace.act.actions.support.action import NoOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import identify
from ebpftrace.act.process.undo import Undo
from ebpftrace.units import NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.incidents import about, act, drive, key_of
from tests.support.process_state import lives, state
from tests.support.workload import Workload

SHORT = ending.SignalOptions(grace_ns=NS_PER_SECOND)


@pytest.fixture
def workers(group: MemoryCgroup) -> Iterator[list[Workload]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Workload("worker", cgroup=group)) for _ in range(4)]


def together(workers: list[Workload]) -> Incident:
    lead, *others = workers
    return about(lead.pid, other_targets=tuple(identify(key_of(one.pid)) for one in others))


def test_group_is_ended_as_one(workers: list[Workload]) -> None:
    incident = together(workers)
    ended = act("signal", incident, SHORT)
    assert ended.status is StepStatus.DONE
    assert ended.detail.startswith(f"worker {workers[0].pid} and 3 others ended by TERM")
    assert {one.wait() for one in workers} == {-signal.SIGTERM}


def test_member_that_moved_or_executed_is_not_signalled(workers: list[Workload]) -> None:
    incident = together(workers)
    workers[1].do(f"exec {workers[1].named('other')}")
    gone = key_of(workers[2].pid)
    later = replace(incident.other_targets[1], key=gone._replace(start_boottime_ns=1))
    incident = replace(
        incident, other_targets=(incident.other_targets[0], later, incident.other_targets[2])
    )
    with memory_cgroup() as elsewhere:
        elsewhere.add(workers[3].pid)
        ended = act("signal", incident, SHORT)
        assert ended.status is StepStatus.DONE
        assert "; not signalled: " in ended.detail
        assert not lives(workers[0].pid)
        assert [lives(one.pid) for one in workers[1:]] == [True, True, True]


def test_group_that_must_not_be_touched_is_skipped(workers: list[Workload]) -> None:
    incident = together(workers)
    with memory_cgroup() as elsewhere:
        for one in workers:
            elsewhere.add(one.pid)
        ended = act("signal", incident, SHORT)
        assert ended.status is StepStatus.SKIPPED
        assert "moved to the cgroup" in ended.detail
        assert all(lives(one.pid) for one in workers)


def test_parent_is_ended_with_the_children_that_the_incident_names(group: MemoryCgroup) -> None:
    with Workload("make", cgroup=group) as make:
        meant = [int(make.do(f"spawn {make.named('worker')}")[0]) for _ in range(3)]
        (other,) = map(int, make.do(f"spawn {make.named('helper')}"))
        incident = about(make.pid, descendant_names=frozenset({"worker"}))
        ended = act("signal", incident, replace(SHORT, orphans="none"))
        assert ended.status is StepStatus.DONE
        assert ended.detail.endswith("with 3 descendants")
        assert not any(map(lives, meant))
        assert lives(other)


def test_evidence_has_every_member(workers: list[Workload], tmp_path: Path) -> None:
    incident = together(workers)
    assert act("capture", incident, capture.CaptureOptions(tmp_path)).status is StepStatus.DONE
    others = json.loads((tmp_path / incident.id / "others.json").read_bytes())
    assert {other["pid"] for other in others} == {worker.pid for worker in workers[1:]}
    assert all(other["anon_bytes"] > 0 for other in others)


def test_group_is_frozen_and_resumed(workers: list[Workload], group: MemoryCgroup) -> None:
    incident = replace(together(workers), cgroup_folder=group.path)
    running = ACTIONS["freeze"].start(incident, NoOptions())
    try:
        assert drive(running).status is StepStatus.DONE
        if group.version == 1:
            assert {state(worker.pid) for worker in workers} == {"T"}
        undo = running.undo
        assert undo is not None
    finally:
        running.stop()
    # As the next start reads it from the audit log.
    assert Undo.of_record(json.loads(json.dumps(undo.record()))).run() == ""
    assert all(worker.do("map 1MiB") for worker in workers)
    if group.version == 1:
        assert act("freeze", incident, NoOptions()).status is StepStatus.DONE
        assert act("thaw", incident, NoOptions()).detail.endswith("and 3 others resumed")
        assert all(worker.do("map 1MiB") for worker in workers)
