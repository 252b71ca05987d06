"""What the audit log says of the time before this start: the budget, and what is undone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.process.undo import Undo

Record = dict[str, Any]


@dataclass(slots=True)
class _Open:
    """An incident without an outcome yet."""

    job: str
    latest: Moment  # what was last written of it
    spent: Moment | None
    ended_one: bool
    undos: list[Undo]


@dataclass(frozen=True, slots=True)
class UnfinishedIncident:
    """An incident that ebpftrace did not live to finish."""

    incident: str
    undos: tuple[Undo, ...]


def replay_audit_log(
    records: Iterable[Record], spending: Spending
) -> tuple[UnfinishedIncident, ...]:
    """Books what was spent, and says which incidents were left open.

    A record without what is needed is passed over: another version may have written it.
    """
    opened: dict[str, _Open] = {}
    for record in records:
        try:
            _take(record, opened, spending)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    left = []
    for incident, one in opened.items():
        if one.spent is not None:
            # Whether that signal or hook was still sent is not known: it counts.
            spending.spend(one.job, one.spent)
            spending.rest(one.job, one.latest)
        left.append(UnfinishedIncident(incident, tuple(reversed(one.undos))))
    return tuple(left)


def _take(record: Record, opened: dict[str, _Open], spending: Spending) -> None:
    incident, moment = str(record["incident"]), Moment.of_record(record)
    if record["type"] == "incident":
        opened[incident] = _Open(_account(record, record["facts"]), moment, None, False, [])
        return
    if record["type"] == "fuse":
        if record["word"] == FuseEventKind.KILLED:
            spending.spend(_account(record, record), moment)
        return
    one = opened[incident]
    one.latest = moment
    match record["type"]:
        case "step_begun":
            if record["spends"] and one.spent is None:
                one.spent = moment
        case "step":
            if record["undo"] is not None:
                one.undos.append(Undo.of_record(record["undo"]))
            if record["refunded"]:
                one.spent = None
        case "outcome":
            if one.spent is not None:
                spending.spend(one.job, one.spent)
            spending.rest(one.job, moment)
            del opened[incident]


def _account(record: Record, facts: Record) -> str:
    """By the job's key where an older version wrote it: `Spending.adopt` finds that."""
    return str(record["account"] if "account" in record else facts["job_key"])
