"""Evidence of a process: its parts, and a process that has ended."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions.support.evidence import parts_of
from ebpftrace.act.incident.incident import Incident
from ebpftrace.errors import GoneError


def test_parts_of_a_process_and_its_cgroup(sleeping_job: Incident) -> None:
    about = replace(
        sleeping_job, curve=((1, 2, 3), (4, 5, 6)), other_targets=(sleeping_job.target,)
    )
    parts = {part.name: part for part in parts_of(about)}
    assert next(iter(parts)) == "finding.txt"
    assert list(parts)[-1] == "process-smaps"
    assert parts["curve.csv"].read(99).endswith(b"\n1,2,3\n4,5,6\n")
    assert parts["process-cmdline"].read(99) == b"sleep 100\n"
    assert parts["cgroup-memory.high"].read(99) == b"max\n"
    assert parts["process-status"].read(4) == b"Name"
    assert "cgroup-memory.max" not in parts
    assert json.loads(parts["children.json"].read(99)) == []
    (other,) = json.loads(parts["others.json"].read(9999))
    assert (other["pid"], other["comm"]) == (about.target.key.pid, "sleep")


def test_part_of_a_process_that_has_ended_fails(
    sleeping_job: Incident, sleeper: subprocess.Popen[bytes], cgroup: Path
) -> None:
    parts = {part.name: part for part in parts_of(sleeping_job)}
    sleeper.kill()
    sleeper.wait()
    with pytest.raises(GoneError):
        parts["process-status"].read(99)
    assert parts["cgroup-memory.high"].read(99) == b"max\n"
