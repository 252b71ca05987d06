"""How often a job's processes may be ended, and the cool-down after an incident.

A job is known here by its account (`JobIdentity.account`): a supervisor that recreates the
job's cgroup does not give it a new budget. A CI run is its processes' own word, so it has a
budget only together with its cgroup: an end is charged to both accounts, and both must allow
it.

Within one boot time is CLOCK_BOOTTIME: clock jumps do not affect it, and it advances while
ebpftrace restarts or the machine sleeps. Across boots only Unix time is left; an entry
from the future then counts as made now, so that setting the clock back never frees the
budget early.
"""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ebpftrace.act.policy.policy import Budget
from ebpftrace.host.reading.proc_file import read_start
from ebpftrace.units import NS_PER_SECOND, format_duration

KEPT_NS = 24 * 3600 * NS_PER_SECOND
"""Older entries are dropped: no window and no cool-down is longer than a day."""

_MAX_JOBS = 4096
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_ID_BYTES = 64


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, on clocks that outlast the process. Nanoseconds."""

    unix_ns: int
    boottime_ns: int
    boot: str

    @classmethod
    def now(cls) -> "Moment":
        return cls.at(time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    @classmethod
    def at(cls, unix_ns: int, boottime_ns: int) -> "Moment":
        """A time of this boot."""
        return cls(unix_ns, boottime_ns, _boot())

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Moment":
        """From a line of the audit log; KeyError, TypeError or ValueError if malformed."""
        return cls(int(record["unix_ns"]), int(record["boottime_ns"]), str(record["boot"]))

    def record(self) -> dict[str, Any]:
        """The fields that `of_record` reads."""
        return {"unix_ns": self.unix_ns, "boottime_ns": self.boottime_ns, "boot": self.boot}

    def since(self, earlier: "Moment") -> int:
        """Nanoseconds since `earlier`, never below 0."""
        if earlier.boot == self.boot:
            return max(0, self.boottime_ns - earlier.boottime_ns)
        return max(0, self.unix_ns - earlier.unix_ns)


@cache
def _boot() -> str:
    return read_start(str(_BOOT_ID), _BOOT_ID_BYTES).decode("ascii").strip()


class Spending:
    """When each job's processes were ended, and when its last incident ended."""

    def __init__(self) -> None:
        self._ends: defaultdict[str, deque[Moment]] = defaultdict(deque)  # of processes
        self._last_incident: dict[str, Moment] = {}

    def spend(self, accounts: Iterable[str], moment: Moment) -> None:
        """A process is about to be ended."""
        for account in accounts:
            self._ends[account].append(moment)
        self._forget(moment)

    def refund(self, accounts: Iterable[str]) -> None:
        """The latest `spend` ended no process."""
        for account in accounts:
            if self._ends.get(account):
                self._ends[account].pop()

    def start_cooldown(self, account: str, moment: Moment) -> None:
        """An incident ended."""
        self._last_incident.pop(account, None)  # so that it is the latest
        self._last_incident[account] = moment
        self._forget(moment)

    def refusal(self, accounts: Sequence[str], budget: Budget, now: Moment) -> str:
        """Why the budget allows ending no process now; "" if every account does."""
        own, *shared = accounts
        refusals = [self._refusal(own, budget, now, "budget")]
        refusals += (
            self._refusal(account, budget, now, "budget of all runs in the cgroup")
            for account in shared
        )
        return next(filter(None, refusals), "")

    def _refusal(self, account: str, budget: Budget, now: Moment, what: str) -> str:
        recent = [
            age
            for end in self._ends.get(account, ())
            if (age := now.since(end)) < budget.window_ns
        ]
        if len(recent) < budget.restarts:
            return ""
        window = format_duration(budget.window_ns)
        if not budget.restarts:
            return "the budget allows no restart"
        # The budget is free again once this one leaves the window.
        wait = budget.window_ns - sorted(recent)[budget.restarts - 1]
        plural = "restart" if budget.restarts == 1 else "restarts"
        return (
            f"{what} spent: {budget.restarts} {plural} in {window}; "
            f"the next in {format_duration(wait)}"
        )

    def cooldown_left_ns(self, account: str, cooldown_ns: int, now: Moment) -> int:
        """The rest of the cool-down after the last incident; 0: none."""
        last = self._last_incident.get(account)
        return 0 if last is None else max(0, cooldown_ns - now.since(last))

    def _forget(self, now: Moment) -> None:
        for account, ends in list(self._ends.items()):
            while ends and now.since(ends[0]) > KEPT_NS:
                ends.popleft()
            if not ends:
                del self._ends[account]
        for account, ended in list(self._last_incident.items()):
            if now.since(ended) > KEPT_NS:
                del self._last_incident[account]
        while len(self._last_incident) > _MAX_JOBS:  # oldest first
            del self._last_incident[next(iter(self._last_incident))]
