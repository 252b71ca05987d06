"""How often a job's processes may be ended, and how long it rests after an incident.

A job is known here by its account (`JobIdentity.account`): a supervisor that makes its
cgroup anew must not give it another budget.

Time is CLOCK_BOOTTIME within one boot: no clock jump moves it, and it goes on while
ebpftrace is restarted or the machine sleeps. Across boots only Unix time is left: an
entry from the future then counts as made now, so that a clock that was set back never
frees the budget early.
"""

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ebpftrace.act.policy.policy import Budget
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import NS_PER_SECOND, format_duration

KEPT_NS = 24 * 3600 * NS_PER_SECOND
"""Nothing older is remembered: no window and no cool-down is longer than a day."""

_JOBS = 4096
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on the clocks that outlive the program. Nanoseconds."""

    unix_ns: int
    boottime_ns: int
    boot: str

    @classmethod
    def now(cls) -> "Moment":
        return cls(time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME), _boot())

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Moment":
        """From a line of the audit log. KeyError, TypeError or ValueError if it has none."""
        return cls(int(record["unix_ns"]), int(record["boottime_ns"]), str(record["boot"]))

    def record(self) -> dict[str, Any]:
        return {"unix_ns": self.unix_ns, "boottime_ns": self.boottime_ns, "boot": self.boot}

    def since(self, earlier: "Moment") -> int:
        """How long ago that was, never below 0."""
        if earlier.boot == self.boot:
            return max(0, self.boottime_ns - earlier.boottime_ns)
        return max(0, self.unix_ns - earlier.unix_ns)


@cache
def _boot() -> str:
    return _BOOT_ID.read_text().strip()


class Spending:
    """Which job's processes were ended when, and when its last incident was over."""

    def __init__(self) -> None:
        self._ends: defaultdict[str, deque[Moment]] = defaultdict(deque)
        self._over: dict[str, Moment] = {}

    def spend(self, job: str, moment: Moment) -> None:
        """An end of a process was begun."""
        self._ends[job].append(moment)
        self._forget(moment)

    def refund(self, job: str) -> None:
        """The end that was begun last did not come about."""
        if self._ends.get(job):
            self._ends[job].pop()

    def rest(self, job: str, moment: Moment) -> None:
        """An incident was over."""
        self._over[job] = moment
        self._forget(moment)

    def adopt(self, older: str, job: str) -> None:
        """What was booked under the name that an older version kept is this job's."""
        if older == job:
            return
        if ends := self._ends.pop(older, None):
            self._ends[job].extendleft(reversed(ends))
        if over := self._over.pop(older, None):
            self._over.setdefault(job, over)

    def account_of(self, job: JobIdentity) -> str:
        """What its budget is kept by, with what an older log has booked under its key."""
        self.adopt(job.key, job.account)
        return job.account

    def exhausted(self, job: str, budget: Budget, now: Moment) -> str:
        """Why no process of it may be ended now; "" if one may."""
        recent = [
            age for end in self._ends.get(job, ()) if (age := now.since(end)) < budget.window_ns
        ]
        if len(recent) < budget.restarts:
            return ""
        window = format_duration(budget.window_ns)
        if not budget.restarts:
            return "the budget allows no restart"
        # The one whose going makes room again.
        wait = budget.window_ns - sorted(recent)[budget.restarts - 1]
        many = "restart" if budget.restarts == 1 else "restarts"
        return (
            f"budget spent: {budget.restarts} {many} in {window}; "
            f"the next in {format_duration(wait)}"
        )

    def resting_ns(self, job: str, cooldown_ns: int, now: Moment) -> int:
        """How much of its cool-down is left; 0: none."""
        last = self._over.get(job)
        return 0 if last is None else max(0, cooldown_ns - now.since(last))

    def _forget(self, now: Moment) -> None:
        for job, ends in list(self._ends.items()):
            while ends and now.since(ends[0]) > KEPT_NS:
                ends.popleft()
            if not ends:
                del self._ends[job]
        for job, over in list(self._over.items()):
            if now.since(over) > KEPT_NS:
                del self._over[job]
        while len(self._over) > _JOBS:  # oldest first
            del self._over[next(iter(self._over))]
