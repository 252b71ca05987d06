"""Selects targets where no single process accounts for a job's memory: a parent, or a group.

The parent of many small children is the target if it is tracked and the policy matches it:
ending the children would only make room for the next ones. Otherwise the processes of one
name are the targets together.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebpftrace.act.process.identity import own_ancestry
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.ledger import ProcessSnapshot

MAX_GROUP = 256
"""How many processes are ended as one, at most: each takes a descriptor."""

_MIN_SHARE = 1 / 4
"""A group leaves out a process with less than this share of its largest member's part."""

_MAX_DEPTH = 64  # of a process tree

Parts = Mapping[ProcessKey, int]


@dataclass(frozen=True, slots=True)
class ParentTarget:
    """A parent, and the names of its descendants that end after it.

    `part_bytes` is the part that all of them account for together.
    """

    parent: ProcessSnapshot
    descendant_names: frozenset[str]
    part_bytes: int


def parent_with_descendants(
    processes: Sequence[ProcessSnapshot],
    candidates: Sequence[ProcessSnapshot],
    parts: Parts,
    enough: float,
) -> ParentTarget | None:
    """The lowest of `candidates` that with all its descendants accounts for `enough`.

    `parts` are bytes; the parts of all `processes` count, whatever their name. Neither
    ebpftrace nor one of its ancestors is selected.
    """
    ancestors = _ancestors(processes)
    sums: defaultdict[ProcessKey, int] = defaultdict(int)
    for process in processes:
        for key in (process.key, *ancestors[process.key]):
            sums[key] += max(0, parts.get(process.key, 0))
    never = own_ancestry()
    large = {
        process.key: process
        for process in candidates
        if sums[process.key] >= enough and process.pid not in never
    }
    lowest = large.keys() - {ancestor for key in large for ancestor in ancestors[key]}
    if not lowest:
        return None
    parent = large[max(lowest, key=lambda key: sums[key])]
    names = {process.comm for process in candidates if parent.key in ancestors[process.key]}
    return ParentTarget(parent, frozenset(names), sums[parent.key])


def same_name_group(
    candidates: Sequence[ProcessSnapshot], parts: Parts, enough: float
) -> tuple[ProcessSnapshot, ...]:
    """The candidates of one name that together account for `enough`, the largest first.

    Of several such names, the one with the largest sum; empty if there is none.
    """
    never = own_ancestry()
    by_name: defaultdict[str, list[ProcessSnapshot]] = defaultdict(list)
    for process in sorted(candidates, key=lambda it: -parts[it.key]):
        if process.pid not in never and parts[process.key] > 0:
            by_name[process.comm].append(process)
    largest_group: tuple[ProcessSnapshot, ...] = ()
    largest_sum = 0
    for ranked in by_name.values():
        least = parts[ranked[0].key] * _MIN_SHARE
        members = tuple(it for it in ranked if parts[it.key] >= least)[:MAX_GROUP]
        sum_bytes = sum(parts[it.key] for it in members)
        if sum_bytes >= enough and sum_bytes > largest_sum:
            largest_group, largest_sum = members, sum_bytes
    return largest_group


def _ancestors(
    processes: Sequence[ProcessSnapshot],
) -> dict[ProcessKey, tuple[ProcessKey, ...]]:
    """The tracked ancestors of each process, the nearest first.

    The parent of an untracked process in between is read from /proc.
    """
    tracked = {process.pid: process for process in processes}
    parents: dict[int, int] = {process.pid: process.parent_pid for process in processes}
    return {
        process.key: tuple(
            ancestor.key
            for pid in _parent_pids(process.pid, parents)
            if (ancestor := tracked.get(pid)) is not None
            # A parent is older; otherwise its pid was reused.
            and ancestor.key.start_boottime_ns <= process.key.start_boottime_ns
        )
        for process in processes
    }


def _parent_pids(pid: int, parents: dict[int, int]) -> Iterator[int]:
    for _ in range(_MAX_DEPTH):
        if pid not in parents:
            stat = proc.read_stat(pid)
            parents[pid] = 0 if stat is None else stat.parent_pid
        pid = parents[pid]
        if pid <= 1:
            return
        yield pid
