"""Policies and patterns that cannot match any process, reported with the remedy.

Each function returns sentences for people. Where nothing is certain they say nothing: a
process may rename itself, and what it was executed under counts as well as its name now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ebpftrace.process_names import COMM_BYTES, can_match_a_name, cut_name, cut_pattern, meet

if TYPE_CHECKING:
    from ebpftrace.act.policy.policy import Match, Policy


def unmatched_names(globs: Iterable[str], where: str) -> Iterator[str]:
    """Those of these patterns for names that no name can match; `where` is `--comm`."""
    for glob in globs:
        if can_match_a_name(glob):
            continue
        if "/" in glob:
            name = cut_name(glob.rpartition("/")[2]) or "gopls"
            yield (
                f"{where} {glob!r} matches no process: a name is that of the file, without its "
                f"folder; use {name!r}, or watch by path: --exe {glob!r}"
            )
        else:
            yield (
                f"{where} {glob!r} matches no process: it needs more than the {COMM_BYTES} "
                f"bytes that the kernel keeps of a name; shorten it, such as {_shorter(glob)!r}"
            )


def unmatched_in_file(policies: Sequence[Policy]) -> Iterator[str]:
    """What can be said of a policy file alone: `ebpftrace policy check`."""
    for index, policy in enumerate(policies):
        yield from unmatched_names(policy.match.comms, f"policy {policy.name}: comm")
        earlier = next((it for it in policies[:index] if _covers(it.match, policy.match)), None)
        if earlier is not None:
            yield (
                f"policy {policy.name} never applies: {earlier.name} comes first and matches "
                "every process that it matches; put it before that one"
            )


def unmatched_in_watch(
    policies: Sequence[Policy], comms: Sequence[str], *, children: bool = False
) -> Iterator[str]:
    """The policies that no process of a watch with these `--comm` patterns can match.

    A policy for node-MainThread is not among them in a watch of node: a process keeps the
    name it was executed under, and may add to it.
    """
    if not comms or children:
        return
    for policy in policies:
        wanted = [glob for glob in policy.match.comms if can_match_a_name(glob)]
        if wanted and not any(_may_both_match(comm, glob) for comm in comms for glob in wanted):
            names = " ".join(f"--comm {glob!r}" for glob in (*comms, *wanted))
            yield (
                f"policy {policy.name} matches no watched process: it is for "
                f"{' or '.join(wanted)}, and the watch is of {' or '.join(comms)}; watch both: "
                f"{names}"
            )


def _may_both_match(watched: str, wanted: str) -> bool:
    watched, wanted = cut_pattern(watched), cut_pattern(wanted)
    return any(
        meet(one, other, most=COMM_BYTES)
        for one, other in ((watched, wanted), (f"{watched}*", wanted), (watched, f"{wanted}*"))
    )


def _covers(first: Match, later: Match) -> bool:
    """Whether `first` matches whatever `later` does, as far as one can see."""
    pairs = (
        (first.comms, later.comms),
        (first.job_kinds, later.job_kinds),
        (first.job_names, later.job_names),
        (first.cgroups, later.cgroups),
        (first.containers, later.containers),
        (first.units, later.units),
    )
    return all(
        not wide or "*" in wide or (narrow and set(narrow) <= set(wide))
        for wide, narrow in pairs
    )


def _shorter(glob: str) -> str:
    """A pattern that begins alike and can match."""
    for length in range(len(glob) - 1, 0, -1):
        shorter = f"{glob[:length].rstrip('*')}*"
        if can_match_a_name(shorter) and meet(shorter, glob):
            return shorter
    return "*"
