"""Whom to end where no single process accounts for a job's memory: a parent, or a group.

The parent of many small children is meant where it is watched and the policy is for it:
ending the children would only make room for the next ones. Else the processes of one name
are meant together.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebpftrace.act.process.identity import own_line
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.ledger import ProcessSnapshot

MOST = 256
"""So many processes are ended as one at most: each is held by a descriptor."""

_BYSTANDER = 1 / 4
"""Of a group, who accounts for less than this of what its largest does is left alone."""

_DEEPEST = 64

Parts = Mapping[ProcessKey, int]


@dataclass(frozen=True, slots=True)
class ParentTarget:
    """A parent, and the names of its descendants that are meant with it."""

    parent: ProcessSnapshot
    kin: frozenset[str]


def parent_with_descendants(
    processes: Sequence[ProcessSnapshot],
    mine: Sequence[ProcessSnapshot],
    parts: Parts,
    enough: float,
) -> ParentTarget | None:
    """The nearest one of `mine` that accounts for `enough` with all its descendants.

    `parts` are bytes; all of `processes` count, whatever their name. Neither ebpftrace
    nor who started it is meant.
    """
    lines = _lines(processes)
    sums: defaultdict[ProcessKey, int] = defaultdict(int)
    for one in processes:
        for key in (one.key, *lines[one.key]):
            sums[key] += max(0, parts.get(one.key, 0))
    never = own_line()
    able = {one.key: one for one in mine if sums[one.key] >= enough and one.pid not in never}
    nearest = able.keys() - {above for key in able for above in lines[key]}
    if not nearest:
        return None
    parent = able[max(nearest, key=lambda key: sums[key])]
    kin = {one.comm for one in mine if parent.key in lines[one.key]}
    return ParentTarget(parent, frozenset(kin))


def same_name_group(
    mine: Sequence[ProcessSnapshot], parts: Parts, enough: float
) -> tuple[ProcessSnapshot, ...]:
    """Those of one name that account for `enough` together, the largest first; else none."""
    never = own_line()
    named: defaultdict[str, list[ProcessSnapshot]] = defaultdict(list)
    for one in sorted(mine, key=lambda one: -parts[one.key]):
        if one.pid not in never and parts[one.key] > 0:
            named[one.comm].append(one)
    best: tuple[ProcessSnapshot, ...] = ()
    most = 0
    for ranked in named.values():
        least = parts[ranked[0].key] * _BYSTANDER
        members = tuple(one for one in ranked if parts[one.key] >= least)[:MOST]
        together = sum(parts[one.key] for one in members)
        if together >= enough and together > most:
            best, most = members, together
    return best


def _lines(processes: Sequence[ProcessSnapshot]) -> dict[ProcessKey, tuple[ProcessKey, ...]]:
    """The ancestors of each that are watched as well, the nearest first.

    Who stands between two of them and is not watched is asked of /proc.
    """
    watched = {one.pid: one for one in processes}
    parents: dict[int, int] = {one.pid: one.parent_pid for one in processes}
    return {
        one.key: tuple(
            above.key
            for pid in _upwards(one.pid, parents)
            if (above := watched.get(pid)) is not None
            # A parent is older: else the pid is another's by now.
            and above.key.start_boottime_ns <= one.key.start_boottime_ns
        )
        for one in processes
    }


def _upwards(pid: int, parents: dict[int, int]) -> Iterator[int]:
    for _ in range(_DEEPEST):
        if pid not in parents:
            stat = proc.read_stat(pid)
            parents[pid] = 0 if stat is None else stat.parent_pid
        pid = parents[pid]
        if pid <= 1:
            return
        yield pid
