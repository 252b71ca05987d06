"""Creating an incident about a real process, as it is now."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.breaker.create_incident import create_incident, has_new_name
from ebpftrace.act.breaker.targets import TargetSelection
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.act.process.cache_dirs import NO_CACHE_DIRS
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.act.trigger.trigger import UsageSinceSnapshot
from ebpftrace.errors import GoneError
from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import ProcessSnapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.incidents import curve, key_of, sleeping

POLICY = Policy("p", Match(), (), Mode.ANY, (Step("signal", 1, None),))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ProcessSnapshot]:
    with sleeping(tmp_path) as pid:
        yield replace(watches.process(pid, 400 * MIB), key=key_of(pid))


def created(
    process: ProcessSnapshot,
    *others: ProcessSnapshot,
    folder_of: Callable[[str], Path | None] = lambda _path: None,
    policy: Policy = POLICY,
    judged: bool = False,
    **changes: Any,
) -> Incident:
    job = watches.job(processes=(process, *others))
    job = replace(job, held_curve=curve(2), charge_curve=curve(3))
    subject = Subject(job.identity, process.key, process.comm) if judged else None
    finding = watches.finding(subject=subject or Subject(job.identity))
    selection = TargetSelection(job, process, 0, others=others)
    arguments = {"since_snapshot": None} | changes
    return create_incident(
        policy, finding, selection, now_ns=7, folder_of=folder_of, **arguments
    )


def gone(process: ProcessSnapshot) -> ProcessSnapshot:
    """An earlier process of the same pid."""
    return replace(process, key=process.key._replace(start_boottime_ns=0))


def test_an_incident_has_its_target_and_the_processes_of_its_job(
    process: ProcessSnapshot,
) -> None:
    incident = created(process)
    assert incident.target.key == process.key
    assert incident.initial_processes == {process.key}
    assert incident.began_ns == 7
    assert incident.curve == ((4 * NS_PER_SECOND, 2, 3), (5 * NS_PER_SECOND, 2, 3))
    assert f"-{process.pid}-" in incident.id


def test_what_was_gained_since_the_snapshot_counts(process: ProcessSnapshot) -> None:
    since = UsageSinceSnapshot(process.key, 100 * MIB, 900 * MIB)
    incident = created(process, since_snapshot=since)
    assert (incident.held_bytes, incident.job_held_bytes) == (900 * MIB, 900 * MIB)
    incident = created(process, since_snapshot=since, judged=True)
    assert incident.held_bytes == process.own.held_bytes + 100 * MIB


def test_a_target_that_has_ended_is_an_error(process: ProcessSnapshot) -> None:
    with pytest.raises(GoneError):
        created(gone(process))


def test_a_group_leaves_out_members_that_have_ended(process: ProcessSnapshot) -> None:
    incident = created(process, gone(process), process)
    assert [target.key for target in incident.other_targets] == [process.key]


def test_a_process_that_moved_to_another_cgroup_is_refused(
    process: ProcessSnapshot, tmp_path: Path
) -> None:
    """The cgroup of the snapshot has another inode than the folder of the current one."""
    with pytest.raises(RefusedError, match="moved to the cgroup"):
        created(process, folder_of=lambda _path: tmp_path)


def test_a_cgroup_that_is_not_visible_is_assumed_to_be_the_same(
    process: ProcessSnapshot, tmp_path: Path
) -> None:
    incident = created(process, folder_of=lambda _path: tmp_path / "missing")
    assert incident.target.key == process.key


def test_a_process_that_executed_another_program_is_refused(process: ProcessSnapshot) -> None:
    with pytest.raises(RefusedError, match="was go and has another name now"):
        created(replace(process, comm="go"))


def test_cache_directories_are_read_for_an_action_after_the_outcome_only(
    process: ProcessSnapshot,
) -> None:
    assert created(process).cache_dirs == NO_CACHE_DIRS
    cleaning = replace(POLICY, ladder=(Step("clean", 1, None),))
    assert created(process, policy=cleaning).cache_dirs.user == os.getuid()


def test_a_name_that_differs_from_the_snapshot_is_new(process: ProcessSnapshot) -> None:
    assert not has_new_name(process)
    assert has_new_name(replace(process, comm="go"))
    missing = replace(process, key=process.key._replace(pid=1 << 22), comm="go")
    assert not has_new_name(missing)  # it has ended, which others notice


@pytest.fixture
def holder() -> Iterator[ProcessSnapshot]:
    """A process that holds 32 MiB."""
    code = "held = b'x' * (32 << 20); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        yield replace(watches.process(running.pid, 32 * MIB), key=key_of(running.pid))
        running.communicate(b"\n")


def test_a_process_that_renamed_itself_and_holds_its_memory_is_the_same(
    holder: ProcessSnapshot,
) -> None:
    """It could rename itself all the time, and no incident would ever begin."""
    assert has_new_name(holder)
    assert created(holder).target.key == holder.key


def test_a_process_of_another_name_without_the_memory_is_another_program(
    holder: ProcessSnapshot,
) -> None:
    since = UsageSinceSnapshot(holder.key, 900 * MIB, 900 * MIB)
    with pytest.raises(RefusedError, match="has another name now"):
        created(holder, since_snapshot=since)
