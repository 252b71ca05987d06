"""thaw: lets a job go on that an earlier rung froze."""

import signal
from dataclasses import dataclass

from ebpftrace.act.actions.control import write
from ebpftrace.act.actions.freeze import freezer_of, whole
from ebpftrace.act.actions.held import Held
from ebpftrace.act.actions.kind import ActionKind
from ebpftrace.act.actions.running import Running, over
from ebpftrace.act.guard import RefusedError
from ebpftrace.act.incident import Incident
from ebpftrace.act.outcome import Status
from ebpftrace.errors import GoneError


@dataclass(frozen=True, slots=True)
class Options:
    """There are none."""


KIND = ActionKind("thaw", Options, "let a frozen job go on, before the incident is over")


def start(incident: Incident, options: Options) -> Running:
    """Done at once: a thawed cgroup needs nobody's help."""
    try:
        freezer = freezer_of(incident)
        if freezer is not None:
            write(freezer.file, freezer.thawed)
            return over(Status.DONE, f"{freezer.name} thawed")
        stopped = Held()
        stopped.hold(whole(incident))
        try:
            if not stopped.send(signal.SIGCONT):
                return over(Status.SKIPPED, stopped.refused or stopped.gone)
        finally:
            stopped.close()
    except (GoneError, RefusedError) as error:
        return over(Status.SKIPPED, error.what)
    except OSError as error:
        return over(Status.FAILED, f"not thawed: {error.strerror}")
    return over(Status.DONE, f"{incident.who} {'go' if incident.others else 'goes'} on")
