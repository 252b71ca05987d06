"""thaw: resume a job that an earlier step froze."""

import signal

from ebpftrace.act.actions.freeze import find_freezer, frozen_targets
from ebpftrace.act.actions.support.action import Action, NoOptions
from ebpftrace.act.actions.support.control_files import judged_pids, write_control
from ebpftrace.act.actions.support.running import Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.act.process.pidfd_set import PidfdSet
from ebpftrace.errors import GoneError
from ebpftrace.units import NS_PER_SECOND


def start(incident: Incident, options: NoOptions) -> Running:
    """Done at once."""
    try:
        freezer = find_freezer(incident)
        if freezer is not None:
            write_control(freezer.file, freezer.thawed, judged_pids(incident))
            return finished(StepStatus.DONE, f"{freezer.name} thawed")
        stopped = PidfdSet()
        stopped.add(frozen_targets(incident))
        try:
            if not stopped.send(signal.SIGCONT):
                return finished(StepStatus.SKIPPED, stopped.refused or stopped.ended)
        finally:
            stopped.close()
    except (GoneError, RefusedError) as error:
        return finished(StepStatus.SKIPPED, error.what)
    except OSError as error:
        return finished(StepStatus.FAILED, f"not thawed: {error.strerror}")
    return finished(StepStatus.DONE, f"{incident.target_name} resumed")


ACTION = Action(
    name="thaw",
    options=NoOptions,
    doc="resume a frozen job before the incident ends",
    timeout_ns=10 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=True,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
