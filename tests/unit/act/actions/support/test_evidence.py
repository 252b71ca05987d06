"""Evidence of a process: its parts, and a process that has ended."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions.support.evidence import parts_of
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.errors import GoneError
from ebpftrace.units import NS_PER_SECOND
from tests.support.incidents import curve


def test_parts_of_a_process_and_its_cgroup(sleeping_job: Incident) -> None:
    about = replace(
        sleeping_job,
        held_curve=curve(2),
        charge_curve=curve(3),
        began_ns=5 * NS_PER_SECOND,
        other_targets=(sleeping_job.target,),
    )
    parts = {part.name: part.read(9999) for part in parts_of(about)}
    assert next(iter(parts)) == "finding.txt"
    assert list(parts)[-1] == "process-smaps"
    assert parts["curve.csv"].endswith(b"\n4000000000,2,3\n5000000000,2,3\n")
    assert parts["process-cmdline"] == b"sleep 100\n"
    assert parts["cgroup-memory.high"] == b"max\n"
    assert parts["process-status"].startswith(b"Name:\tsleep\n")
    assert "cgroup-memory.max" not in parts
    assert json.loads(parts["children.json"]) == []
    (other,) = json.loads(parts["others.json"])
    assert (other["pid"], other["comm"]) == (about.target.key.pid, "sleep")


def test_no_more_is_read_of_a_file_than_there_is_room_for(sleeping_job: Incident) -> None:
    parts = {part.name: part.read(4) for part in parts_of(sleeping_job)}
    assert parts["process-status"] == b"Name"


def test_part_of_a_process_that_has_ended_fails(
    sleeping_job: Incident, sleeper: subprocess.Popen[bytes]
) -> None:
    sleeper.kill()
    sleeper.wait()
    for part in parts_of(sleeping_job):
        if part.name in ("process-status", "process-smaps"):
            with pytest.raises(GoneError):
                part.read(99)
        if part.name == "cgroup-memory.high":
            assert part.read(99) == b"max\n"


def test_part_of_a_process_that_ends_meanwhile_fails(
    sleeping_job: Incident, sleeper: subprocess.Popen[bytes]
) -> None:
    read = []
    for part in parts_of(sleeping_job):
        if part.name == "process-status":
            assert part.read(4) == b"Name"
            sleeper.kill()
            sleeper.wait()
        elif part.name in ("process-limits", "process-stat", "process-smaps"):
            read.append(part.name)
            with pytest.raises(GoneError):
                part.read(99)
    assert len(read) == 3


def test_nothing_is_read_of_another_process_or_program(sleeping_job: Incident) -> None:
    target = sleeping_job.target
    key = target.key._replace(start_boottime_ns=target.key.start_boottime_ns - 10**9)
    others = (
        (replace(sleeping_job, target=replace(target, key=key)), GoneError),
        (replace(sleeping_job, target=replace(target, program=(1, 2))), RefusedError),
    )
    for about, error in others:
        for part in parts_of(about):
            if part.name == "process-status":
                with pytest.raises(error):
                    part.read(99)


def test_descriptor_of_the_process_is_closed(sleeping_job: Incident) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    parts = parts_of(sleeping_job)
    next(parts)
    assert set(Path("/proc/self/fd").iterdir()) > before
    parts.close()  # type: ignore[attr-defined]  # a generator
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert list(parts_of(sleeping_job))
    assert set(Path("/proc/self/fd").iterdir()) == before
