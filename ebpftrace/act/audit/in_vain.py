"""Remembers processes about which an incident could do nothing, for want of budget.

With a short cool-down the next snapshot would start another one, and so would each after it.
"""

from collections import OrderedDict

from ebpftrace.act.incident.incident import Incident
from ebpftrace.events import ProcessKey

_MOST = 1024


class InVain:
    """Of each policy and process the last such incident counts, whatever job it was in."""

    def __init__(self) -> None:
        self._incidents: OrderedDict[tuple[str, ProcessKey], None] = OrderedDict()

    def add(self, incident: Incident) -> None:
        """It has ended, and nothing was done."""
        self._incidents[incident.policy, incident.target.key] = None
        self._incidents.move_to_end((incident.policy, incident.target.key))
        if len(self._incidents) > _MOST:
            self._incidents.popitem(last=False)

    def has(self, policy: str, process: ProcessKey) -> bool:
        """Whether one about this process is known."""
        return (policy, process) in self._incidents
