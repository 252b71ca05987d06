"""Which jobs and processes have series, where there may not be one for each.

The cap may not be used up by one job: processes are shared out among the jobs, the same
number to each that has so many, the largest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shares:
    """How many jobs of the list are shown, and how many processes of each at most."""

    jobs: int
    processes_each: int


def share_out(
    jobs: Sequence[int], processes: Sequence[int], *, process_series: int, most: int
) -> Shares:
    """`jobs` are the series of each job in the order in which they are left out last,
    `processes` how many processes each of them has. `most` series in all.
    """
    left, shown = most, 0
    for series in jobs:
        if series > left:
            break
        left -= series
        shown += 1
    slots, each = left // process_series, 0
    counts = sorted(count for count in processes[:shown] if count)
    for place, count in enumerate(counts):
        step = min(count - each, slots // (len(counts) - place))
        each += step
        slots -= step * (len(counts) - place)
        if each < count:
            break
    return Shares(shown, each)
