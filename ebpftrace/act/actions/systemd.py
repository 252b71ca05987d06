"""systemd: restart the unit that owns the process, over D-Bus, and check its new state.

Source: org.freedesktop.systemd1(5).
"""

import os
from dataclasses import dataclass
from threading import Event
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError, Target, open_process, own_ancestry
from ebpftrace.errors import GoneError
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.systemd import MANAGER, PATH, SystemdManager
from ebpftrace.jobs.systemd import units
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND

_PAUSE_SECONDS = 0.1
_PASSING = {"activating", "deactivating", "reloading", "refreshing"}


@dataclass(frozen=True, slots=True)
class SystemdOptions:
    """The options of one step."""

    unit: Annotated[str | None, "the unit; the service on the cgroup's path by default"] = None

    def __post_init__(self) -> None:
        if self.unit is not None and not self.unit.endswith(".service"):
            raise ValueError(f'unit "{clean(self.unit, 40)}" does not end in .service')


def start(incident: Incident, options: SystemdOptions) -> Running:
    """Refused for a process that has changed, and for the service that ebpftrace runs in."""
    try:
        is_new = incident.target.key not in incident.signalled
        os.close(open_process(incident.target, same_program=is_new))
        unit = options.unit or service_of(_given(incident.target))
        if unit is None:
            raise RefusedError("there is no service on the path of its cgroup")
        for pid in own_ancestry():
            if unit in units(memory_cgroup(pid) or ""):
                raise RefusedError(f"ebpftrace itself runs in {unit}")
    except (GoneError, RefusedError) as error:
        return finished(StepStatus.SKIPPED, error.what)
    return Background(
        "systemd", incident.target, lambda cancelled: _restart(unit, incident, cancelled)
    )


def service_of(cgroup: str) -> str | None:
    """The innermost service on a cgroup's path."""
    return next((unit for unit in reversed(units(cgroup)) if unit.endswith(".service")), None)


def _given(target: Target) -> str:
    """Its cgroup, without the names that a user chose below a delegated one."""
    return target.given_path or target.cgroup


def _restart(unit: str, incident: Incident, cancelled: Event) -> Ended:
    with SystemdManager() as manager:
        owner = manager.unit_of(incident.target.key.pid)
        path = manager.call(PATH, MANAGER, "GetUnit", "s", (unit,))[0]
        if owner != path:
            return Ended(
                StepStatus.FAILED, f"{incident.target_name} does not belong to {clean(unit)}"
            )
        before = manager.get(path, "Unit", "InvocationID")
        manager.call(PATH, MANAGER, "RestartUnit", "ss", (unit, "replace"))
        while not cancelled.wait(_PAUSE_SECONDS):
            # Between its stop and its start a unit is inactive for a moment, while the job of
            # its restart is queued. Job number 0 means none.
            if manager.get(path, "Unit", "Job")[0]:
                continue
            state = str(manager.get(path, "Unit", "ActiveState"))
            new = manager.get(path, "Unit", "InvocationID") != before
            if state in _PASSING or (state == "active" and not new):
                continue
            detail = f"{clean(unit)} is {clean(state)}"
            if state != "active":
                return Ended(StepStatus.FAILED, detail)
            return Ended(
                StepStatus.DONE, f"{detail}, pid {manager.get(path, 'Service', 'MainPID')}"
            )
    return Ended(StepStatus.FAILED, f"{clean(unit)} did not become active again")


ACTION = Action(
    name="systemd",
    options=SystemdOptions,
    doc="restart the service that owns the process, and confirm its state",
    timeout_ns=60 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=True,
    saves_evidence=False,
    awaits_evidence=True,
)
