"""thaw: lets a job go on that an earlier rung froze."""

import signal

from ebpftrace.act.actions.freeze import freezer_of, whole
from ebpftrace.act.actions.support.action import Action, NoOptions
from ebpftrace.act.actions.support.control_files import write
from ebpftrace.act.actions.support.pidfd_set import PidfdSet
from ebpftrace.act.actions.support.running import Running, over
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.errors import GoneError
from ebpftrace.units import NS_PER_SECOND


def start(incident: Incident, options: NoOptions) -> Running:
    """Done at once: a thawed cgroup needs nobody's help."""
    try:
        freezer = freezer_of(incident)
        if freezer is not None:
            write(freezer.file, freezer.thawed)
            return over(StepStatus.DONE, f"{freezer.name} thawed")
        stopped = PidfdSet()
        stopped.hold(whole(incident))
        try:
            if not stopped.send(signal.SIGCONT):
                return over(StepStatus.SKIPPED, stopped.refused or stopped.gone)
        finally:
            stopped.close()
    except (GoneError, RefusedError) as error:
        return over(StepStatus.SKIPPED, error.what)
    except OSError as error:
        return over(StepStatus.FAILED, f"not thawed: {error.strerror}")
    return over(
        StepStatus.DONE,
        f"{incident.target_name} {'go' if incident.other_targets else 'goes'} on",
    )


ACTION = Action(
    name="thaw",
    options=NoOptions,
    doc="let a frozen job go on, before the incident is over",
    timeout_ns=10 * NS_PER_SECOND,
    start=start,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=True,
    spends_budget=False,
)
