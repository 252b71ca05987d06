"""Actions made up by tests."""

from typing import Any

from ebpftrace.act.actions.support.action import Action, NoOptions
from ebpftrace.act.actions.support.running import Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import NS_PER_SECOND


def fake_action(name: str, options: type = NoOptions, **changes: Any) -> Action[Any]:
    """An action that is done at once; `changes` are other values of its fields."""
    fields: dict[str, Any] = {
        "name": name, "options": options, "doc": name, "timeout_ns": 10 * NS_PER_SECOND,
        "start": _done, "prepare": None, "concurrent": False, "after_outcome": False,
        "informational": False, "temporary": False, "spends_budget": False,
        "saves_evidence": False, "awaits_evidence": False,
    }  # fmt: skip
    return Action(**(fields | changes))


def _done(_incident: Incident, _options: object) -> Running:
    return finished(StepStatus.DONE, "done")
