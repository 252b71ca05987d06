"""The lines of the audit log: those of JSON Lines, and what only the log needs."""

import re
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.audit import records
from ebpftrace.act.audit.budget import Moment
from ebpftrace.act.audit.records import AuditRecordType
from ebpftrace.act.fuse.records import fuse_record
from ebpftrace.act.incident.records import Record, outcome_record, step_record
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.process.undo import Undo
from ebpftrace.act.trigger.trigger import Firing
from tests.support import incidents, watches

PAGE = (Path(__file__).parents[4] / "docs" / "policy.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## The audit log") :]
UNDO = Undo("memory.high", Path("/nowhere/memory.high"), 7, "max")
FIRING = Firing(Policy("leaks", Match(), (), Mode.ANY, ()), (watches.finding(),))
MOMENT = Moment(1_000_000_000, 7, "boot")

STEP = records.ended_step_record(watches.step(), b"printed", UNDO, refunded=True)
OUTCOME = records.ended_incident_record(watches.outcome(), restored=True)
FUSE = records.logged_fuse_record(watches.fuse_event())
ALL: dict[AuditRecordType, Record] = {
    AuditRecordType.INCIDENT: records.incident_record(incidents.incident()),
    AuditRecordType.STEP_STARTED: records.step_started_record(
        incidents.incident(), ACTIONS["signal"], 5
    ),
    AuditRecordType.STEP: STEP,
    AuditRecordType.OUTCOME: OUTCOME,
    AuditRecordType.ABANDONED: records.abandoned_record("one", "denied", MOMENT, 3),
    AuditRecordType.SUPPRESSED: records.suppressed_record(FIRING, "in its cool-down"),
    AuditRecordType.FUSE: FUSE,
}


@pytest.mark.parametrize(
    ("logged", "shown", "added"),
    [
        (STEP, step_record(watches.step()), {"output", "refunded", "undo"}),
        (OUTCOME, outcome_record(watches.outcome()), {"restored"}),
        (FUSE, fuse_record(watches.fuse_event()), {"account", "cgroup_account"}),
    ],
    ids=["step", "outcome", "fuse"],
)
def test_the_log_has_the_fields_of_json_lines(
    logged: Record, shown: Record, added: set[str]
) -> None:
    assert {name: logged[name] for name in shown} == shown
    assert logged.keys() - shown.keys() == added


@pytest.mark.parametrize("kind", AuditRecordType)
def test_every_type_begins_with_the_fields_of_all_objects(kind: AuditRecordType) -> None:
    assert list(ALL[kind])[:4] == ["schema", "type", "time", "monotonic_ns"]
    assert ALL[kind]["type"] == kind


@pytest.mark.parametrize("kind", AuditRecordType)
def test_every_type_and_field_of_the_log_alone_is_documented(kind: AuditRecordType) -> None:
    documented = set(re.findall(r"`(\w+)`", SECTION))
    common = {"schema", "time", "monotonic_ns"}
    json_lines = set(step_record(watches.step())) | set(outcome_record(watches.outcome()))
    json_lines |= set(fuse_record(watches.fuse_event()))
    assert {kind.value, *(ALL[kind].keys() - json_lines - common)} <= documented
    assert set(MOMENT.record()) <= documented


def test_an_undo_is_read_back_from_its_step() -> None:
    assert Undo.of_record(STEP["undo"]) == UNDO
    assert records.ended_step_record(watches.step(), b"", None, refunded=False)["undo"] is None


def test_of_a_long_output_the_end_is_kept() -> None:
    long = b"x" * 5000 + b"\xff end"
    record = records.ended_step_record(watches.step(), long, None, refunded=False)
    assert len(record["output"]) == 4096
    assert record["output"].endswith("\ufffd end")


def test_an_incident_without_failures_is_restored() -> None:
    assert records.abandoned_record("one", "", MOMENT, 3)["restored"]
    assert not ALL[AuditRecordType.ABANDONED]["restored"]
