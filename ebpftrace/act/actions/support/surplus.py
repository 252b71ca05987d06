"""Which evidence is removed where more is kept than wanted: of the job that has the most.

A job that causes one incident after the other may not push out the evidence of others. Jobs
differ by their memory cgroups, which a job cannot leave: at each level of the path,
the branch that has the most evidence loses some, however many cgroups or runs it made.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_LEVELS = 32
_SHARE = 4  # one part in so many is the least that any job may keep


@dataclass(frozen=True, slots=True)
class Kept:
    """Evidence of one incident; `name` sorts by time. "" for a cgroup or job not known."""

    name: str
    cgroup: str
    job_key: str


def surplus(kept: Sequence[Kept], most: int, newest: str = "") -> list[Kept]:
    """What to remove so that `most` are left; `newest` is counted and never removed."""
    left, removed = sorted(kept, key=lambda each: each.name), []
    while len(left) > most:
        oldest = _oldest(left, newest, max(1, most // _SHARE))
        if oldest is None:
            break
        left.remove(oldest)
        removed.append(oldest)
    return removed


def _oldest(kept: Sequence[Kept], newest: str, share: int) -> Kept | None:
    """The oldest of the branch with the most, if that is more than `share`; else of all.

    `kept` is sorted by time.
    """
    group = kept
    for level in range(_LEVELS + 1):
        branches: defaultdict[str | None, list[Kept]] = defaultdict(list)
        for each in group:
            branches[_branch(each, level)].append(each)
        # Names have seconds: the newest may be the first of its branch, and not all of it.
        with_old = [
            branch
            for branch in branches.values()
            if any(each.name != newest for each in branch)
        ]
        if not with_old:
            break
        largest = max(with_old, key=len)  # of equal ones that with the oldest
        if len(largest) <= share:
            break
        group = largest
    return next((each for each in group if each.name != newest), None)


def _branch(kept: Kept, level: int) -> str | None:
    """The part of the path at this level; below the path, the job."""
    parts = kept.cgroup.strip("/").split("/")[:_LEVELS]
    if level < len(parts):
        return f"/{parts[level]}"
    return kept.job_key if level == len(parts) else None
