"""What is read back from the audit log: the budget, and what was left undone."""

from pathlib import Path
from typing import Any

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.recovery import replay_audit_log
from ebpftrace.act.policy.policy import Budget
from ebpftrace.act.process.undo import Undo
from ebpftrace.units import NS_PER_SECOND

S = NS_PER_SECOND
ONE = Budget(restarts=1, window_ns=100 * S)


def moment(seconds: int) -> Moment:
    return Moment((1_000_000 + seconds) * S, seconds * S, "boot")


def line(seconds: int, kind: str, incident: str = "one", **fields: Any) -> dict[str, Any]:
    return {"incident": incident, "type": kind} | moment(seconds).record() | fields


def begun(seconds: int, spends: bool = True) -> dict[str, Any]:
    return line(seconds, "step_begun", action="signal", spends=spends)


def step(seconds: int, undo: Undo | None = None, refunded: bool = False) -> dict[str, Any]:
    told = None if undo is None else undo.record()
    return line(seconds, "step", action="signal", undo=undo and told, refunded=refunded)


START = line(0, "incident", facts={"job_key": "job"})
END = line(9, "outcome", helped=True)


def test_a_restart_is_read_back() -> None:
    spending = Spending()
    assert replay_audit_log([START, begun(1), step(2), END], spending) == ()
    assert spending.exhausted("job", ONE, moment(50))
    assert spending.exhausted("job", ONE, moment(102)) == ""
    assert spending.resting_ns("job", 60 * S, moment(19)) == 50 * S


def test_a_job_is_known_by_its_account_and_by_its_key_where_an_older_version_wrote() -> None:
    spending = Spending()
    old = [line(1, "fuse", "", word="killed", job_key="job")]
    new = [line(0, "incident", account="lasting", facts={"job_key": "job"}), begun(2), step(3),
           line(9, "outcome", helped=True),
           line(4, "fuse", "", word="killed", job_key="other", account="lasting")]  # fmt: skip
    replay_audit_log([*old, *new], spending)
    assert spending.exhausted("lasting", Budget(3, 100 * S), moment(50)) == ""
    spending.adopt("job", "lasting")
    assert spending.exhausted("lasting", Budget(3, 100 * S), moment(50))
    assert spending.exhausted("job", ONE, moment(50)) == ""


def test_who_was_killed_by_a_fuse_is_on_the_budget_and_who_was_stopped_is_not() -> None:
    for word, spent in (("killed", True), ("stopped", False)):
        spending = Spending()
        assert replay_audit_log([line(1, "fuse", "", word=word, job_key="job")], spending) == ()
        assert bool(spending.exhausted("job", ONE, moment(50))) == spent


def test_one_that_only_told_or_was_refunded_costs_nothing() -> None:
    for records in ([START, begun(1, spends=False), step(2), END],
                    [START, begun(1), step(2, refunded=True), END]):  # fmt: skip
        spending = Spending()
        replay_audit_log(records, spending)
        assert spending.exhausted("job", ONE, moment(50)) == ""


def test_an_incident_without_an_end_counts_and_is_undone() -> None:
    """ebpftrace was killed between the signal and the outcome."""
    spending = Spending()
    undo = Undo("memory.high", Path("/nowhere/memory.high"), 7, "max")
    (left,) = replay_audit_log([START, begun(1), step(2, undo)], spending)
    assert left.incident == "one"
    assert left.undos == (undo,)
    assert spending.exhausted("job", ONE, moment(50))
    assert spending.resting_ns("job", 60 * S, moment(12)) == 50 * S


def test_one_that_had_ended_nobody_yet_leaves_the_job_to_the_next_start() -> None:
    spending = Spending()
    assert replay_audit_log([START, begun(1, spends=False)], spending)
    assert spending.resting_ns("job", 60 * S, moment(2)) == 0
    assert spending.exhausted("job", ONE, moment(2)) == ""


def test_records_of_others_are_passed_over() -> None:
    spending = Spending()
    strange: list[dict[str, Any]] = [
        {}, {"type": "step"}, line(1, "step", incident="never begun"),
        line(1, "incident"), line(1, "incident", facts=None), {"incident": 3, "type": []},
        line(0, "incident", facts={"job_key": "job"}) | {"unix_ns": "x"},
        line(0, "incident", facts={"job_key": "job"}) | {"unix_ns": float("inf")},
    ]  # fmt: skip
    assert replay_audit_log([*strange, START, begun(1), step(2), END], spending) == ()
    assert spending.exhausted("job", ONE, moment(50))
