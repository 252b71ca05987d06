"""Logs and reports firings that start no incident, and why.

A job that takes a new name, or moves to a new cgroup, hundreds of times a second could fill
the audit log with such lines, and push out the incidents of other jobs. So there is a line a
minute for each policy and cgroup, and 32 a minute in all, of which the cgroups of one job
have three quarters; they count what had none.
"""

import re
from collections import OrderedDict
from collections.abc import Callable

from ebpftrace.act.audit.records import suppressed_record
from ebpftrace.act.breaker.targets import NOT_FOR_THIS_JOB
from ebpftrace.act.incident.outcome import SuppressedTrigger
from ebpftrace.act.incident.records import Record
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.job_shares import JobShares, nodes_of
from ebpftrace.units import NS_PER_SECOND

_REPEAT_NS = 60 * NS_PER_SECOND
_MOST_PER_REPEAT = 32  # lines, and reports to the views
_MAX_CGROUPS = 256  # whose lines and reasons are remembered
_MAX_REASONS = 8  # that are reported of one policy and cgroup
_DIGITS = re.compile("[0-9]+")
_Key = tuple[str, int]
"""A policy and a cgroup."""


class _Logged:
    """When a line of a policy and cgroup was written, and how many firings had none since."""

    __slots__ = ("at_ns", "unlogged")

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.unlogged = 0


class SuppressionLog:
    """A condition may hold at every snapshot: it is logged once a minute, and reported once.

    `record` takes the lines of the audit log; `clock` is CLOCK_MONOTONIC.
    """

    def __init__(self, record: Callable[[Record], None], clock: Callable[[], int]) -> None:
        self._record = record
        self._clock = clock
        self._logged: OrderedDict[_Key, _Logged] = OrderedDict()
        self._elsewhere = 0  # firings without a line, of keys that are not in `_logged`
        self._reported: dict[_Key, set[tuple[str, str]]] = {}  # (job, reason without numbers)
        self._lines = JobShares(_MOST_PER_REPEAT, _REPEAT_NS)
        self._reports = JobShares(_MOST_PER_REPEAT, _REPEAT_NS)

    def add(self, firing: Firing, *, reason: str) -> SuppressedTrigger | None:
        """Log a firing, unless one of its policy and cgroup was logged within a minute.

        Returns what the views are to report: each reason of a policy and job once, but none
        for jobs that the policy does not apply to.
        """
        job = firing.finding.subject.job
        key, now_ns = (firing.policy.name, job.cgroup_id), self._clock()
        self._log(key, firing, reason, now_ns)
        if reason == NOT_FOR_THIS_JOB or not self._is_new(key, job.key, reason):
            return None
        if not self._reports.take(nodes_of(job.cgroup), now_ns):
            return None
        return SuppressedTrigger(firing.policy.name, job, reason)

    def _log(self, key: _Key, firing: Firing, reason: str, now_ns: int) -> None:
        last, path = self._logged.get(key), nodes_of(firing.finding.subject.job.cgroup)
        if last is not None and now_ns - last.at_ns < _REPEAT_NS:
            last.unlogged += 1
            return
        if not self._lines.take(path, now_ns):
            if last is None:
                self._elsewhere += 1
            else:
                last.unlogged += 1
            return
        self._logged[key] = _Logged(now_ns)
        self._logged.move_to_end(key)
        if len(self._logged) > _MAX_CGROUPS:
            self._elsewhere += self._logged.popitem(last=False)[1].unlogged
        unlogged = 0 if last is None else last.unlogged
        elsewhere, self._elsewhere = self._elsewhere, 0
        self._record(suppressed_record(firing, reason, unlogged=unlogged, elsewhere=elsewhere))

    def _is_new(self, key: _Key, job: str, reason: str) -> bool:
        reported = self._reported.setdefault(key, set())
        if len(self._reported) > _MAX_CGROUPS:
            del self._reported[next(iter(self._reported))]
        kind = (job, _DIGITS.sub("", reason))  # another pid is no other reason
        if kind in reported or len(reported) >= _MAX_REASONS:
            return False
        reported.add(kind)
        return True
