"""Logs and reports firings that start no incident, and why."""

import re
from collections.abc import Callable

from ebpftrace.act.audit.records import suppressed_record
from ebpftrace.act.breaker.targets import NOT_FOR_THIS_JOB
from ebpftrace.act.incident.outcome import SuppressedTrigger
from ebpftrace.act.incident.records import Record
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.units import NS_PER_SECOND

_REPEAT_NS = 60 * NS_PER_SECOND


_MAX_JOBS = 256  # whose reasons are remembered
_MAX_REASONS = 8  # that are reported of one policy and job
_DIGITS = re.compile("[0-9]+")


class SuppressionLog:
    """A condition may hold at every snapshot: it is logged once a minute, and reported once.

    `record` takes the lines of the audit log; `clock` is CLOCK_MONOTONIC.
    """

    def __init__(self, record: Callable[[Record], None], clock: Callable[[], int]) -> None:
        self._record = record
        self._clock = clock
        self._logged: dict[tuple[str, str], int] = {}  # when, CLOCK_MONOTONIC
        self._reported: dict[tuple[str, str], set[str]] = {}  # reasons without their numbers

    def add(self, firing: Firing, *, reason: str) -> SuppressedTrigger | None:
        """Log a firing, unless one of its policy and job was logged within a minute.

        Returns what the views are to report: each reason of a policy and job once, but none
        for jobs that the policy does not apply to.
        """
        job = firing.finding.subject.job
        key, now_ns = (firing.policy.name, job.key), self._clock()
        self._logged = {
            known: at for known, at in self._logged.items() if now_ns - at < _REPEAT_NS
        }
        if key not in self._logged:
            self._logged[key] = now_ns
            self._record(suppressed_record(firing, reason))
        if reason == NOT_FOR_THIS_JOB or not self._is_new(key, reason):
            return None
        return SuppressedTrigger(firing.policy.name, job, reason)

    def _is_new(self, key: tuple[str, str], reason: str) -> bool:
        reported = self._reported.setdefault(key, set())
        if len(self._reported) > _MAX_JOBS:
            del self._reported[next(iter(self._reported))]
        kind = _DIGITS.sub("", reason)  # another pid is no other reason
        if kind in reported or len(reported) >= _MAX_REASONS:
            return False
        reported.add(kind)
        return True
