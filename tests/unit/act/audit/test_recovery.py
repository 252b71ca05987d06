"""Replaying the audit log: budgets, cool-downs, and unfinished incidents."""

from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.recovery import recovery_remark, replay_audit_log
from ebpftrace.act.policy.policy import Budget
from ebpftrace.act.process.undo import Undo
from ebpftrace.units import NS_PER_SECOND

S = NS_PER_SECOND
ONE = Budget(restarts=1, window_ns=100 * S)
UNDO = Undo("memory.high", Path("/nowhere/memory.high"), 7, "max")

Line = dict[str, Any]


def moment(seconds: int) -> Moment:
    return Moment((1_000_000 + seconds) * S, seconds * S, "boot")


def line(seconds: int, kind: str, **fields: Any) -> Line:
    return {"type": kind} | moment(seconds).record() | {"incident": "one"} | fields


def step_started(seconds: int, spends_budget: bool = True) -> Line:
    return line(seconds, "step_started", action="signal", spends_budget=spends_budget)


def step(seconds: int, undo: Undo | None = None, refunded: bool = False) -> Line:
    record = None if undo is None else undo.record()
    return line(seconds, "step", action="signal", undo=record, refunded=refunded)


START = line(0, "incident", account="job")
END = line(9, "outcome", helped=True)


def test_a_restart_of_a_process_counts_after_the_replay() -> None:
    spending = Spending()
    assert replay_audit_log([START, step_started(1), step(2), END], spending) == ()
    assert spending.refusal(["job"], ONE, moment(50))
    assert spending.refusal(["job"], ONE, moment(102)) == ""
    assert spending.cooldown_left_ns("job", 60 * S, moment(19)) == 50 * S


def test_cool_down_of_a_run_is_that_of_its_cgroup() -> None:
    spending = Spending()
    start = line(0, "incident", account="job", cgroup_account="/ci")
    replay_audit_log([start, END], spending)
    assert spending.cooldown_left_ns("/ci", 60 * S, moment(19)) == 50 * S


@pytest.mark.parametrize(("event", "spent"), [("killed", True), ("stopped", False)])
def test_only_a_kill_by_a_fuse_spends_the_budget(event: str, spent: bool) -> None:
    spending = Spending()
    fuse = line(1, "fuse", event=event, account="job")
    del fuse["incident"]
    assert replay_audit_log([fuse], spending) == ()
    assert bool(spending.refusal(["job"], ONE, moment(50))) == spent


@pytest.mark.parametrize(
    "records",
    [
        [START, step_started(1, spends_budget=False), step(2), END],
        [START, step_started(1), step(2, refunded=True), END],
    ],
    ids=["no step that ends a process", "refunded"],
)
def test_an_incident_that_ended_no_process_spends_nothing(records: list[Line]) -> None:
    spending = Spending()
    replay_audit_log(records, spending)
    assert spending.refusal(["job"], ONE, moment(50)) == ""


def test_an_unfinished_incident_counts_and_is_to_be_undone() -> None:
    """ebpftrace was killed between the signal and the outcome."""
    spending = Spending()
    (unfinished,) = replay_audit_log([START, step_started(1), step(2, UNDO)], spending)
    assert unfinished.id == "one"
    assert unfinished.undos == (UNDO,)
    assert spending.refusal(["job"], ONE, moment(50))
    assert spending.cooldown_left_ns("job", 60 * S, moment(12)) == 50 * S


def test_changes_are_undone_in_reverse_order() -> None:
    later = Undo("memory.max", Path("/nowhere/memory.max"), 8, "max")
    (unfinished,) = replay_audit_log([START, step(1, UNDO), step(2, later)], Spending())
    assert unfinished.undos == (later, UNDO)


def test_an_unfinished_incident_that_ended_no_process_needs_no_cool_down() -> None:
    spending = Spending()
    assert replay_audit_log([START, step_started(1, spends_budget=False)], spending)
    assert spending.cooldown_left_ns("job", 60 * S, moment(2)) == 0
    assert spending.refusal(["job"], ONE, moment(2)) == ""


def test_an_abandoned_incident_is_not_undone_again_at_the_next_start() -> None:
    """Its settings may have been changed by others since."""
    spending = Spending()
    abandoned = line(30, "abandoned", restored=True)
    records = [START, step_started(1), step(2, UNDO), abandoned]
    assert replay_audit_log(records, spending) == ()
    assert spending.refusal(["job"], ONE, moment(50))
    assert spending.cooldown_left_ns("job", 60 * S, moment(12)) == 50 * S


def test_an_abandoned_incident_that_was_not_restored_is_tried_again() -> None:
    records = [START, step(2, UNDO), line(30, "abandoned", restored=False, detail="denied")]
    (unfinished,) = replay_audit_log(records, Spending())
    assert unfinished.undos == (UNDO,)


def test_malformed_records_are_skipped() -> None:
    spending = Spending()
    malformed: list[Line] = [
        {}, {"type": "step"}, line(1, "step", incident="never started"), line(1, "what"),
        line(1, "incident"), {"incident": 3, "type": []}, line(1, "fuse", event="killed"),
        START | {"unix_ns": "x"}, START | {"unix_ns": float("inf")},
    ]  # fmt: skip
    records = [*malformed, START, step_started(1), step(2), END]
    assert replay_audit_log(records, spending) == ()
    assert spending.refusal(["job"], ONE, moment(50))


def test_a_remark_names_some_of_many_incidents() -> None:
    assert recovery_remark({}) == ""
    assert recovery_remark({str(number): "" for number in range(5)}) == (
        "an earlier run ended in the middle of incidents 0, 1, 2 and 2 more: "
        "what it changed is undone"
    )
    assert "\x1b" not in recovery_remark({"\x1b[2J": ""})
