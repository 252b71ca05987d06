"""The JSON objects, checked against the page that describes them."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import pytest

from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.fuse.records import fuse_record
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.incident.records import outcome_record, step_record
from ebpftrace.engine import WatchRequest
from ebpftrace.engine import started as engine_started
from ebpftrace.events import FuseScope
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.ledger.clock import Clock
from ebpftrace.ledger.notes import ProcessChange
from ebpftrace.ledger.snapshot import JobState, ProcessState
from ebpftrace.probe import Probe, features
from ebpftrace.probe.calls import CallTraceMethod
from ebpftrace.probe.loading.layout import Layout
from ebpftrace.probe.selection import Selection
from ebpftrace.probe.structs import LOSSES
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views import records
from tests.support import watches

PAGE = (Path(__file__).parents[3] / "docs" / "jsonl.md").read_text(encoding="utf-8")
EXAMPLES = {
    example["type"]: example
    for example in map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
}
# Linux 6.18 with --mapping-calls
LAYOUT = Layout((), (0,), 1, 2, mmap_lock=True, exact=True, events_lag=True, cpus=2)


def start_record() -> dict[str, Any]:
    """What a watch on such a kernel writes first, built by the product's own code."""
    method = CallTraceMethod.FENTRY
    probe = SimpleNamespace(
        features=features.features(LAYOUT, method), remarks=features.remarks(LAYOUT, method)
    )
    with (
        mock.patch.object(engine_started, "kernel_has_pressure", return_value=True),
        mock.patch.object(engine_started, "in_initial_pid_namespace", return_value=True),
    ):
        started = engine_started.describe_start(
            WatchRequest(Selection(("gopls",))),
            cast(Probe, probe),
            MemoryHierarchy("v2", Path("/sys/fs/cgroup")),
            now_ns=watches.MONOTONIC_NS - 7 * NS_PER_SECOND,
            calendar=Clock(watches.TIME_NS - watches.MONOTONIC_NS, 0),
        )
    return records.start_record(started._replace(version="0.1.0", kernel="6.18.5"))


RECORDS = {
    "start": start_record(),
    "snapshot": records.snapshot_record(watches.example()),
    "changes": records.changes_record(
        watches.example()._replace(
            sequence=8,
            monotonic_ns=watches.example().monotonic_ns + 10**9,
            time_ns=watches.example().time_ns + 10**9,
        ),
        7,
        [],
        ["41:cgroup:/ci/tests"],
    ),
    "process": records.note_record(watches.process_note("exit", exit_code=0, signal=9)),
    "oom_kill": records.note_record(watches.oom_note()),
    "stall": records.note_record(watches.stall_note()),
    "pressure": records.note_record(watches.pressure_note()),
    "loss": records.note_record(replace(watches.loss_note(), cause="ring_exit")),
    "finding": records.finding_record(watches.finding()),
    "step": step_record(watches.step()),
    "outcome": outcome_record(watches.outcome()),
    "fuse": fuse_record(watches.fuse_event()),
    "remark": records.remark_record(watches.remark()),
    "end": records.end_record(watches.snapshot()._replace(final=True), "stopped by Ctrl-C"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_the_documented_example_is_what_is_written(kind: str) -> None:
    assert EXAMPLES[kind] == RECORDS[kind]
    assert list(EXAMPLES[kind]) == list(RECORDS[kind])


@pytest.mark.parametrize("kind", RECORDS)
def test_every_field_is_described(kind: str) -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    described = set(re.findall(r"`(\w+)`", prose))
    assert set(_field_names(RECORDS[kind])) <= described


SEVERITIES = [severity.name.lower() for severity in Severity]


@pytest.mark.parametrize(("kind", "values"), [
    ("snapshot", [*JobState, *ProcessState]),
    ("process", ProcessChange),
    ("loss", LOSSES),
    ("finding", [*SEVERITIES, *FindingUnit, "begin", "rise", "end"]),
    ("step", StepStatus),
    ("fuse", [*FuseEventKind, *FuseScope]),
])  # fmt: skip
def test_every_value_of_a_fixed_set_is_described(kind: str, values: Iterable[str]) -> None:
    section = PAGE.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    assert set(values) <= set(re.findall(r"`([\w/]+)`", section))


def test_every_type_of_schema_1_is_there() -> None:
    assert set(EXAMPLES) == set(RECORDS)
    assert {record["schema"] for record in RECORDS.values()} == {1}


def test_the_fields_the_schema_promises() -> None:
    snapshot = RECORDS["snapshot"]
    assert {"schema", "type", "time", "monotonic_ns", "jobs", "losses", "self"} <= set(snapshot)
    job = snapshot["jobs"][0]
    assert set(job) >= {
        "name", "kind", "identified_by", "cgroup", "limit_bytes", "charge_bytes", "usage",
        "growth", "seconds_to_limit", "oom_kills", "stalled_ns", "processes",
    }  # fmt: skip
    assert list(job["usage"]) == ["anon_bytes", "file_bytes", "shmem_bytes", "swap_bytes"]
    assert list(job["growth"]) == ["bytes_10s", "bytes_60s", "bytes_total", "bytes_per_second"]
    assert set(job["processes"][0]) >= {
        "pid", "start_time", "comm", "cmdline", "usage", "peak_bytes", "virtual_bytes",
        "mapped_bytes", "unmapped_bytes", "brk_bytes",
    }  # fmt: skip


def test_no_limit_and_no_growth_are_null() -> None:
    calm = watches.job(processes=[watches.process()], limit=None)
    job = records.snapshot_record(watches.snapshot(calm))["jobs"][0]
    assert job["limit_bytes"] is None
    assert job["seconds_to_limit"] is None
    assert job["processes"][0]["calls"] is None


def test_usage_less_inherited_adds_up_to_the_job() -> None:
    job = RECORDS["snapshot"]["jobs"][0]
    for kind, total in job["usage"].items():
        own = (p["usage"][kind] - p["inherited"][kind] for p in job["processes"])
        assert sum(own) == total


def _field_names(record: dict[str, Any]) -> Iterator[str]:
    for name, value in record.items():
        yield name
        if name in {"features", "losses", "calls"}:  # their keys are data
            value = list(value.values()) if isinstance(value, dict) else None
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from _field_names(part)
