"""Logs firings that start no incident, and why."""

from collections.abc import Callable

from ebpftrace.act.audit.records import suppressed_record
from ebpftrace.act.incident.records import Record
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.units import NS_PER_SECOND

_REPEAT_NS = 60 * NS_PER_SECOND


class SuppressionLog:
    """Once a minute for each policy and job: a condition may hold at every snapshot."""

    def __init__(self, record: Callable[[Record], None], clock: Callable[[], int]) -> None:
        self._record = record
        self._clock = clock
        self._logged: dict[tuple[str, str], int] = {}  # when, CLOCK_MONOTONIC

    def add(self, firing: Firing, *, reason: str) -> None:
        """Log a firing, unless one of its policy and job was logged within a minute."""
        key, now_ns = (firing.policy.name, firing.finding.subject.job.key), self._clock()
        self._logged = {
            known: at for known, at in self._logged.items() if now_ns - at < _REPEAT_NS
        }
        if key not in self._logged:
            self._logged[key] = now_ns
            self._record(suppressed_record(firing, reason))
