"""What a rule's calls cost: a healthy job ended is the worst, a leak called early is free.

A call is a finding that it is a leak, or that the limit is exhausted. What ours acts on by
default is less: a call that is only a warning ends no job.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from statistics import mean, median

from bench.judgement.ci.recording import Recording
from bench.judgement.trace import Row
from ebpftrace.act.policy.fuse import BACKSTOP_SHARE

END_SHARE = (1 + BACKSTOP_SHARE) / 2
"""Where the backstop stops a job again, with half of what was left taken, and the policy
acts: see `next_fuse` in ebpftrace/act/fuse/job_bound.py."""

Call = Callable[[Recording], float | None]
"""A recording in; when the rule first calls it, in its seconds, or None."""


@dataclass(frozen=True, slots=True)
class Calls:
    """When a rule first calls a recording, and when it acts on it, in its seconds; or None."""

    called: float | None = None
    acted: float | None = None


class Cost(IntEnum):
    """Of one run."""

    NOTHING = 0  # a healthy job left alone, or a leak called before the fuse
    FUSE = 1  # a leak that was not called before the fuse stopped it, with its evidence
    OOM = 5  # a leak that ended in an OOM kill, without evidence
    FALSE_END = 10  # a healthy job ended


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and whether a fuse stands behind it, as it does by default behind ours."""

    name: str
    judge: Callable[[Recording], Calls]
    fuse: bool = False


def acting(name: str, call: Call) -> Rule:
    """A rule that acts when it calls, and has no fuse."""

    def judge(recording: Recording) -> Calls:
        called = call(recording)
        return Calls(called, called)

    return Rule(name, judge)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one run: `used` of the limit at the call, and the seconds until the end.

    `called` and `acted`: before the job was ended otherwise.
    """

    recording: Recording
    cost: Cost
    called: bool = False
    acted: bool = False
    used: float | None = None
    lead_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """One rule on many runs."""

    rule: str
    results: tuple[Result, ...]

    @property
    def cost(self) -> int:
        return sum(one.cost for one in self.results)

    @property
    def healthy(self) -> list[Result]:
        return [one for one in self.results if not one.recording.leaky]

    @property
    def leaks(self) -> list[Result]:
        return [one for one in self.results if one.recording.leaky]

    @property
    def false_ends(self) -> int:
        return sum(one.cost is Cost.FALSE_END for one in self.results)

    @property
    def left_alone(self) -> list[Result]:
        """Healthy runs that were called, and not ended."""
        return [one for one in self.healthy if one.called and one.cost is not Cost.FALSE_END]

    @property
    def called(self) -> int:
        return sum(one.called for one in self.leaks)

    @property
    def acted(self) -> int:
        return sum(one.acted for one in self.leaks)

    @property
    def at_fuse(self) -> int:
        return sum(one.cost is Cost.FUSE for one in self.leaks)

    @property
    def missed(self) -> int:
        return sum(one.cost is Cost.OOM for one in self.leaks)

    def used(self, share: float | None = None) -> float | None:
        """The mean share of the limit that was taken when a leak was called.

        Of the leaks at a limit of `share` times the peak alone, where it is given.
        """
        shares = [
            one.used
            for one in self.leaks
            if one.used is not None and share in (None, one.recording.share)
        ]
        return mean(shares) if shares else None

    @property
    def lead_s(self) -> float | None:
        """Median seconds between the call of a leak and its end."""
        leads = [one.lead_s for one in self.leaks if one.lead_s is not None]
        return median(leads) if leads else None

    @property
    def failures(self) -> list[str]:
        """The recordings that went wrong: healthy and ended, or a leak that nothing ended."""
        wrong = (Cost.FALSE_END, Cost.OOM)
        return [one.recording.name for one in self.results if one.cost in wrong]


def bill(rule: Rule, recordings: Iterable[Recording]) -> Bill:
    return Bill(rule.name, tuple(result(rule, recording) for recording in recordings))


def result(rule: Rule, recording: Recording) -> Result:
    """A call that comes when the fuse has stopped the job already is no call."""
    calls = rule.judge(recording)
    called, acted = calls.called, calls.acted
    if not recording.leaky:
        ended = acted is not None or (rule.fuse and reaches_fuse(recording))
        cost = Cost.FALSE_END if ended else Cost.NOTHING
        return Result(recording, cost, called is not None, acted is not None)
    end = oom_kill_s(recording)
    latest = fuse_s(recording) if rule.fuse else end
    if called is None or called >= latest:
        return Result(recording, Cost.FUSE if rule.fuse else Cost.OOM)
    used = used_share(_at(recording, called))
    in_time = acted is not None and acted < latest
    return Result(recording, Cost.NOTHING, True, in_time, used, end - called)


def used_share(row: Row) -> float:
    """How much of the limit is taken by what the kernel cannot drop, 0..1."""
    return row.fixed_kib / row.limit if row.limit else 0.0


def reaches_fuse(recording: Recording) -> bool:
    """Whether the backstop would end it; `most_kib` was sampled closer than the rows."""
    return recording.most_kib >= END_SHARE * recording.limit_kib


def fuse_s(recording: Recording) -> float:
    """When the backstop stops a leak: it is reached before the OOM killer comes."""
    for row in recording.rows:
        if row.kills or used_share(row) >= BACKSTOP_SHARE:
            return row.t_ms / 1000
    return oom_kill_s(recording)


def oom_kill_s(recording: Recording) -> float:
    """When the OOM killer came; the end of the recording if it did not."""
    for row in recording.rows:
        if row.kills:
            return row.t_ms / 1000
    return recording.seconds


def _at(recording: Recording, seconds: float) -> Row:
    late = (row for row in recording.rows if row.t_ms >= round(seconds * 1000))
    return next(late, recording.rows[-1])
