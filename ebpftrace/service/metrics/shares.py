"""Which jobs and processes have series, where there may not be one for each.

A user may make cgroups and invent CI runs without end, and each may have a finding. So the cap
is shared out by the paths of cgroups: no job takes the series of those beside it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.job_shares import JobSlots


@dataclass(frozen=True, slots=True)
class Demand:
    """Of a job: the nodes of its cgroup (`nodes_of`), its series, and its processes."""

    path: Sequence[int]
    series: int
    processes: int


def share_out(jobs: Sequence[Demand], *, process_series: int, most: int) -> list[int | None]:
    """How many processes of each job are shown; None: nothing of it is.

    `jobs` are in the order in which they are left out last. There are `most` series in all,
    each process has `process_series`.
    """
    shown = _shown(jobs, most)
    slots = (most - sum(jobs[at].series for at in shown)) // process_series
    counts: list[int | None] = [None] * len(jobs)
    processes = _split([(jobs[at].path, jobs[at].processes) for at in shown], slots)
    for at, count in zip(shown, processes, strict=True):
        counts[at] = count
    return counts


def _shown(jobs: Sequence[Demand], most: int) -> list[int]:
    """Their places in the list: first within the share of each cgroup, then the others.

    The first of those that does not fit any more is followed by none.
    """
    slots, left, waiting, shown = JobSlots(most), most, [], []
    for at, job in enumerate(jobs):
        if slots.has_room(job.path, job.series):
            slots.take(job.path, job.series)
            left -= job.series
            shown.append(at)
        else:
            waiting.append(at)
    for at in waiting:
        if jobs[at].series > left:
            break
        left -= jobs[at].series
        shown.append(at)
    return sorted(shown)


def _split(demands: Sequence[tuple[Sequence[int], int]], most: int) -> list[int]:
    """Of what is at each path, so much that all have at most `most` together.

    Each cgroup has as much as those beside it, unless it needs less; so have all jobs that are
    in one cgroup.
    """
    parts = [count for _, count in demands]
    groups = [(list(range(len(demands))), 0, most)]
    while groups:
        members, level, most = groups.pop()
        if sum(parts[at] for at in members) <= most:
            continue
        by_node: defaultdict[int | None, list[int]] = defaultdict(list)
        for at in members:
            path = demands[at][0]
            by_node[path[level] if level < len(path) else None].append(at)
        if set(by_node) == {None}:
            for at, part in zip(
                members, _even([parts[at] for at in members], most), strict=True
            ):
                parts[at] = part
            continue
        below = list(by_node.values())
        shares = _even([sum(parts[at] for at in group) for group in below], most)
        groups += zip(below, [level + 1] * len(below), shares, strict=True)
    return parts


def _even(counts: Sequence[int], most: int) -> list[int]:
    """The same number of each, or all of what has less; `most` in all."""
    given = [0] * len(counts)
    order = sorted(range(len(counts)), key=counts.__getitem__)
    for place, at in enumerate(order):
        given[at] = min(counts[at], most // (len(order) - place))
        most -= given[at]
    return given
