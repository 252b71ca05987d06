"""Firings that became no incident, and why: told to the audit log."""

from collections.abc import Callable
from typing import Any

from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.units import NS_PER_SECOND

_SAID_AGAIN_NS = 60 * NS_PER_SECOND


class SuppressionLog:
    """Said once a minute for each policy and job: its condition is met at every snapshot."""

    def __init__(
        self, record: Callable[[dict[str, Any]], None], clock: Callable[[], int]
    ) -> None:
        self._record = record
        self._clock = clock
        self._said: dict[tuple[str, str], int] = {}  # when, CLOCK_MONOTONIC

    def say(self, firing: Firing, why: str) -> None:
        """One that was held back, and a sentence's part that says why."""
        job, policy = firing.finding.subject.job, firing.policy.name
        key, now_ns = (policy, job.key), self._clock()
        self._said = {one: at for one, at in self._said.items() if now_ns - at < _SAID_AGAIN_NS}
        if key in self._said:
            return
        self._said[key] = now_ns
        self._record(
            {
                "type": "held_back",
                "policy": policy,
                "job": job.name,
                "sentence": firing.finding.sentence,
                "why": why,
            }
        )
