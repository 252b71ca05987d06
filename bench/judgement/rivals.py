"""What others go by, written out as they are configured by default, on the same recordings.

Each sees what it would see on a node: one cgroup, at its own interval. None of them was
made for this question; oomd and systemd-oomd choose what to kill once the node is short,
and are asked here whether their condition would hold for this job. Where one looks at the
node's memory, the job's limit stands for the node.
"""

from collections.abc import Callable, Iterator

from bench.judgement.score import Rule
from bench.judgement.trace import Row, Trace


def oomd_growth(trace: Trace) -> float | None:
    """oomd's kill_by_memory_size_or_growth: usage 1.25 times its moving average.

    facebookincubator/oomd, plugins/KillMemoryGrowth.h (`min_growth_ratio` 1.25) and Oomd.h
    (`average_size_decay_` 4; the average begins at zero; an interval of 5 s).
    """
    average = 0.0
    for row in _every(trace, 5.0):
        average = average * 3 / 4 + row.charge / 4
        if row.charge > 1.25 * average:
            return row.t_ms / 1000
    return None


def coroot_regression(trace: Trace) -> float | None:
    """coroot's memory-leak check: a least-squares line through RSS gains 10 MB an hour.

    coroot/coroot, auditor/memory.go and model/checks.go (`MemoryLeak`, threshold 10). It
    is fed every 15 s and, as there, judged on all there is. coroot does not ask this of
    jobs, for good reason.
    """
    seen: list[tuple[float, float]] = []
    for row in _every(trace, 15.0):
        seen.append((row.t_ms / 3_600_000, row.all_anon / 1024))
        if len(seen) >= 3 and _slope(seen) > 10:
            return row.t_ms / 1000
    return None


def systemd_oomd(trace: Trace) -> float | None:
    """systemd-oomd: memory pressure above 60 % for 30 s (there is no swap to be used up).

    oomd.conf(5): DefaultMemoryPressureLimit=60%, DefaultMemoryPressureDurationSec=30s.
    Pressure is taken as the share of the last 10 s that tasks waited for reclaim.
    """
    above_since: float | None = None
    rows = list(_largest(trace))
    for number, row in enumerate(rows):
        before = next(one for one in rows[: number + 1] if one.t_ms >= row.t_ms - 10_000)
        elapsed = row.t_ms - before.t_ms
        share = (row.stalled_ms - before.stalled_ms) / elapsed if elapsed else 0.0
        now = row.t_ms / 1000
        above_since = (above_since or now) if share > 0.6 else None
        if above_since is not None and now - above_since >= 30:
            return now
    return None


def earlyoom(trace: Trace) -> float | None:
    """earlyoom: less than 10 % of memory is available (`-m 10`), page cache counted as free.

    rfjakob/earlyoom, README; polled up to ten times a second: every row.
    """
    return _first(trace, lambda row: row.fixed_kib > 0.9 * row.limit)


def fixed_level(trace: Trace) -> float | None:
    """An alert at 85 % of the limit on the cgroup's usage, as many dashboards have it."""
    return _first(trace, lambda row: row.charge > 0.85 * row.limit, every=15.0)


def working_set_level(trace: Trace) -> float | None:
    """The same at 85 %, on the usage without page cache."""
    return _first(trace, lambda row: row.fixed_kib > 0.85 * row.limit, every=15.0)


def shell_guard(trace: Trace) -> float | None:
    """A shell loop that reads the cgroup's usage once a second, and acts at 80 %."""
    return _first(trace, lambda row: row.charge > 0.8 * row.limit, every=1.0)


RIVALS: dict[str, Rule] = {
    "oomd: 1.25 x the moving average": oomd_growth,
    "coroot: regression, 10 MB/h": coroot_regression,
    "systemd-oomd: pressure 60 % for 30 s": systemd_oomd,
    "earlyoom: 10 % left": earlyoom,
    "85 % of the limit, every 15 s": fixed_level,
    "85 % without page cache, every 15 s": working_set_level,
    "shell guard: 80 %, every second": shell_guard,
}


def _largest(trace: Trace) -> Iterator[Row]:
    """One row a moment: of several cgroups, the one with the largest charge."""
    best: dict[int, Row] = {}
    for row in trace.rows:
        known = best.get(row.t_ms)
        if known is None or row.charge > known.charge:
            best[row.t_ms] = row
    yield from best.values()


def _every(trace: Trace, seconds: float) -> Iterator[Row]:
    due = 0.0
    for row in _largest(trace):
        if row.t_ms >= due:
            due = row.t_ms + seconds * 1000
            yield row


def _first(trace: Trace, met: Callable[[Row], bool], every: float = 0.0) -> float | None:
    return next(
        (row.t_ms / 1000 for row in _every(trace, every) if row.limit and met(row)), None
    )


def _slope(points: list[tuple[float, float]]) -> float:
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    across = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / across if across else 0.0
