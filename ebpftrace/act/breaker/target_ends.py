"""Targets of an incident that were ended by something else than its steps."""

import signal
from dataclasses import replace

from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.events import ProcessKey
from ebpftrace.units import format_duration


class TargetEnds:
    """The kernel's reports about the targets of one incident.

    A process that has a signal may catch it and grow on, until the OOM killer kills it. By
    its pidfd alone that looks as if the signal had ended it.
    """

    def __init__(self) -> None:
        self._by_oom_killer: set[ProcessKey] = set()
        self._by_sigkill: set[ProcessKey] = set()
        self._signal = ""  # the last that a step has sent

    def oom_killed(self, key: ProcessKey) -> None:
        """The OOM killer chose this process."""
        self._by_oom_killer.add(key)

    def exited(self, key: ProcessKey, number: int) -> None:
        """This process ended by the signal of that number; 0: by none."""
        if number == signal.SIGKILL:
            self._by_sigkill.add(key)

    def corrected(self, incident: Incident, ended: Ended, took_ns: int) -> Ended:
        """How a step ended, if its targets were not ended by the signal that it sent."""
        if ended.status is not StepStatus.DONE or not ended.signal:
            return ended
        self._signal = ended.signal
        if ended.signal == "KILL":  # the OOM killer also chooses a process that is dying
            self._by_oom_killer.clear()
            return ended
        if sentence := self.sentence(incident):
            took = format_duration(took_ns)
            return replace(ended, status=StepStatus.FAILED, detail=f"{sentence}, after {took}")
        if others := _named(incident, self._by_sigkill):
            detail = f"{others} ended by a SIGKILL that the step did not send"
            return replace(ended, detail=f"{detail}, while {_had(incident, ended.signal)}")
        return ended

    def sentence(self, incident: Incident) -> str:
        """`gopls 4711 was killed by the OOM killer while it had TERM`; "" if none was."""
        taken = _named(incident, self._by_oom_killer)
        if not taken:
            return ""
        had = f" while {_had(incident, self._signal)}" if self._signal else ""
        return f"{taken} killed by the OOM killer{had}"


def _named(incident: Incident, keys: set[ProcessKey]) -> str:
    """`gopls 4711 was`, `2 of worker 4711 and 7 others were`; "" for none of the targets."""
    found, name = sum(target.key in keys for target in incident.targets), incident.target_name
    if not found:
        return ""
    if not incident.other_targets:
        return f"{name} was"
    return f"{found} of {name} {'was' if found == 1 else 'were'}"


def _had(incident: Incident, name: str) -> str:
    return f"{'they' if incident.other_targets else 'it'} had {name}"
