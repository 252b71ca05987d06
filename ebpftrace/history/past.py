"""What the last clean runs of a job say about what is usual for the next one.

Time may be warped within reason: a step may come later or sooner, because the machine is
busy, or a cache is warm. Levels may not: a job's peak repeats within a few percent.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from ebpftrace.history.run import Run
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration

MOST_RUNS = 5
_WARP, _WARP_S = 3.0, 10.0
"""A run on an idle machine was seen to be three times as fast as on a busy one."""
_MARGINS = (0.20, 0.15, 0.10)  # with one clean run, with two, with three and more
_LIMIT_CHANGE = 0.25
"""A runtime that sizes its heap by the limit holds another amount under another limit."""


class Unusual(NamedTuple):
    """A job holds more than it did in its past; bytes and seconds.

    `most_bytes` is the most that any of the `runs` held until `until_s` seconds after its
    start, or, with `until_end`, until its end.
    """

    held_bytes: int
    age_s: float
    most_bytes: int
    runs: int
    until_s: float
    until_end: bool

    @property
    def words(self) -> str:
        """`holds 310 MiB at 23 s; in its last 5 runs at most 190 MiB until its end`."""
        runs = "its last run" if self.runs == 1 else f"its last {self.runs} runs"
        until = "its end" if self.until_end else _seconds(self.until_s)
        return (
            f"holds {format_bytes(self.held_bytes)} at {_seconds(self.age_s)}; in {runs} "
            f"at most {format_bytes(self.most_bytes)} until {until}"
        )


class Past:
    """The envelope of some runs, all of them clean and comparable, the newest first.

    Five at most are used. With `ageless`, what they held at any time is usual: for a job
    whose start was not seen, so that its age is not known. It is so with a single run too:
    a busy machine can make one several times as slow as the next.
    """

    __slots__ = ("_ageless", "_envelopes", "peak_bytes", "steady")

    def __init__(self, runs: Sequence[Run], *, ageless: bool = False) -> None:
        """ValueError if there is no run, or one that is not clean."""
        if not runs or not all(run.clean for run in runs):
            raise ValueError("a past is made of clean runs")
        used = runs[:MOST_RUNS]
        self._ageless = ageless or len(used) == 1
        self._envelopes = [_Envelope(run) for run in used]
        self.peak_bytes = max(envelope.most(math.inf) for envelope in self._envelopes)
        self.steady = _is_steady(used)
        """False while the newest run left what was usual before it: the job has changed."""

    @property
    def runs(self) -> int:
        """How many runs it is made of."""
        return len(self._envelopes)

    def unusual(self, age_s: float, held_bytes: int, limit_bytes: int | None) -> Unusual | None:
        """What is unusual about holding so much, `age_s` after the start; None: nothing is.

        None for `limit_bytes` if there is no limit.
        """
        until_s = math.inf if self._ageless else age_s * _WARP + _WARP_S
        most = max(envelope.most(until_s) for envelope in self._envelopes)
        if held_bytes <= most + self.margin_bytes(limit_bytes):
            return None
        until_end = most == self.peak_bytes
        return Unusual(held_bytes, age_s, most, self.runs, until_s, until_end)

    def inside(self, age_s: float, held_bytes: int, limit_bytes: int | None) -> bool:
        """Whether holding so much is usual."""
        return self.unusual(age_s, held_bytes, limit_bytes) is None

    def margin_bytes(self, limit_bytes: int | None) -> int:
        """How much more than ever before is still usual: a share of limit, or of the peak."""
        share = _MARGINS[min(self.runs, len(_MARGINS)) - 1]
        return int(share * (limit_bytes or self.peak_bytes))


def past_from(
    runs: Iterable[Run], limit_bytes: int | None, measured: str, *, ageless: bool = False
) -> Past | None:
    """The past from a job's runs, newest first: those that are clean and comparable.

    Comparable runs have a limit that differs by a quarter at most, and count the same.
    """
    usable = [
        run
        for run in runs
        if run.clean and run.measured == measured and _near(run.limit_bytes, limit_bytes)
    ]
    return Past(usable, ageless=ageless) if usable else None


class _Envelope:
    """The most that a run held until any time."""

    __slots__ = ("_ages", "_highest")

    def __init__(self, run: Run) -> None:
        self._ages = [point.age_s for point in run.curve]
        highest = list(accumulate((point.held_bytes for point in run.curve), max))
        highest[-1] = max(highest[-1], run.peak_bytes)  # a point may have been rounded
        self._highest = highest

    def most(self, until_s: float) -> int:
        index = bisect_right(self._ages, until_s)
        return self._highest[index - 1] if index else self._highest[0]


def _is_steady(runs: Sequence[Run]) -> bool:
    if len(runs) < 2:
        return True
    newest, before = runs[0], Past(runs[1:])
    return all(
        before.inside(point.age_s, point.held_bytes, newest.limit_bytes)
        for point in newest.curve
    )


def _near(before: int | None, now: int | None) -> bool:
    if not before or not now:
        return not before and not now
    return abs(before - now) <= _LIMIT_CHANGE * now


def _seconds(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    return format_duration(round(seconds * NS_PER_SECOND))
