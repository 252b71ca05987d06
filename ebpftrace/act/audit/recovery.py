"""Replays the audit log of earlier runs: budgets, cool-downs, and unfinished incidents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.records import AuditRecordType
from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.act.incident.records import Record
from ebpftrace.act.process.undo import Undo
from ebpftrace.text import clean

_MOST_NAMED, _ID_WIDTH = 3, 64


@dataclass(slots=True)
class _OpenIncident:
    """An incident whose outcome has not been read yet."""

    accounts: tuple[str, ...]  # its job's own, and that of its cgroup
    latest: Moment  # of its last record
    spent: Moment | None = None  # when it spent the budget
    undos: list[Undo] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UnfinishedIncident:
    """An incident that an earlier run of ebpftrace did not finish."""

    id: str
    undos: tuple[Undo, ...]  # in the order to run them

    def undo(self) -> str:
        """Undo what it changed for a time; returns what could not be undone, "" if all was."""
        return ", ".join(failure for undo in self.undos if (failure := undo.run()))


def recovery_remark(details: Mapping[str, str]) -> str:
    """What users should know of unfinished incidents: by id, what could not be undone of each.

    "" if there are none.
    """
    if not details:
        return ""
    named = ", ".join(clean(name, _ID_WIDTH) for name in islice(details, _MOST_NAMED))
    more = f" and {len(details) - _MOST_NAMED} more" if len(details) > _MOST_NAMED else ""
    which = "incident" if len(details) == 1 else "incidents"
    failures = [detail for detail in details.values() if detail]
    undone = f"not all is undone: {failures[0]}" if failures else "what it changed is undone"
    return f"an earlier run ended in the middle of {which} {named}{more}: {undone}"


def replay_audit_log(
    records: Iterable[Record], spending: Spending
) -> tuple[UnfinishedIncident, ...]:
    """Add what was spent to `spending`; return the incidents without an outcome.

    Skips malformed records: anyone with access may have edited the file.
    """
    incidents: dict[str, _OpenIncident] = {}
    for record in records:
        try:
            _replay(record, incidents, spending)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    unfinished = []
    for name, incident in incidents.items():
        _charge_unfinished(incident, spending)
        unfinished.append(UnfinishedIncident(name, tuple(reversed(incident.undos))))
    return tuple(unfinished)


def _replay(record: Record, incidents: dict[str, _OpenIncident], spending: Spending) -> None:
    kind, moment = AuditRecordType(record["type"]), Moment.of_record(record)
    match kind:
        case AuditRecordType.SUPPRESSED:
            return
        case AuditRecordType.FUSE:
            if record["event"] == FuseEventKind.KILLED:
                spending.spend(_accounts(record), moment)
            return
        case AuditRecordType.INCIDENT:
            started = _OpenIncident(_accounts(record), moment)
            incidents[str(record["incident"])] = started
            return
    name = str(record["incident"])
    incident = incidents[name]
    if kind is AuditRecordType.ABANDONED:
        if record["restored"]:  # else the next start tries again
            _charge_unfinished(incident, spending)
            del incidents[name]
        return
    incident.latest = moment
    match kind:
        case AuditRecordType.STEP_STARTED:
            if record["spends_budget"] and incident.spent is None:
                incident.spent = moment
        case AuditRecordType.STEP:
            if record["undo"] is not None:
                incident.undos.append(Undo.of_record(record["undo"]))
            if record["refunded"]:
                incident.spent = None
        case AuditRecordType.OUTCOME:
            if incident.spent is not None:
                spending.spend(incident.accounts, incident.spent)
            _start_cooldown(incident, spending, moment)
            del incidents[name]


def _charge_unfinished(incident: _OpenIncident, spending: Spending) -> None:
    """Add what it spent: whether its signal or hook still ran is unknown, so it counts."""
    if incident.spent is not None:
        spending.spend(incident.accounts, incident.spent)
        _start_cooldown(incident, spending, incident.latest)


def _start_cooldown(incident: _OpenIncident, spending: Spending, moment: Moment) -> None:
    for account in incident.accounts:
        spending.start_cooldown(account, moment)


def _accounts(record: Record) -> tuple[str, ...]:
    """An audit log of an earlier version has none of a cgroup."""
    place = record.get("cgroup_account")
    return (str(record["account"]), *([str(place)] if place else []))
