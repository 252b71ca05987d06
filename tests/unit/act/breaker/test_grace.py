"""Grace is for a start-up that passes, not for one that reaches the limit."""

from dataclasses import replace
from typing import Any

import pytest

from ebpftrace.act.breaker.grace import held_back_by_grace
from ebpftrace.act.breaker.targets import TargetSelection
from ebpftrace.act.trigger.trigger import UsageSinceSnapshot
from ebpftrace.counters import CgroupContents, LimitLevel
from ebpftrace.limits import with_limits
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches

S = NS_PER_SECOND
GRACE_NS = 10 * S


def reason(
    *,
    age: float,
    held: int,
    recent: int,
    limit: int | None = 900,
    gained: int | None = None,
    snapshot_age: float = 0,
    per_second: int = 0,
) -> str:
    """Of a process that holds and has gained so many MiB, alone in its job."""
    made = watches.process(4711, held * MIB)
    process = replace(made, age_ns=round(age * S), recent_growth_bytes=recent * MIB)
    changes: dict[str, Any] = {"limit": None if limit is None else limit * MIB}
    job = watches.job(processes=(process,), per_second=per_second * MIB, **changes)
    since = None
    if gained is not None:
        since = UsageSinceSnapshot(process.key, gained * MIB, (held + gained) * MIB)
    selection = TargetSelection(job, process, process.age_ns)
    return held_back_by_grace(selection, GRACE_NS, since, round(snapshot_age * S))


def test_an_old_process_is_not_held_back() -> None:
    assert reason(age=10, held=200, recent=0) == ""


def test_a_start_that_passes_is_held_back() -> None:
    assert reason(age=3, held=200, recent=0) == (
        "gopls 4711 is younger than the grace period of 10s"
    )
    assert reason(age=3, held=200, recent=40) != ""


@pytest.mark.parametrize(("age", "held"), [(0.7, 70), (2, 200), (5, 500)])
def test_a_start_that_reaches_the_limit_is_not(age: float, held: int) -> None:
    """100 MiB a second from its first page on, under a limit of 900 MiB."""
    recent = round(min(age, 2) * 100)
    assert reason(age=age, held=held, recent=recent) == ""


def test_without_a_limit_it_is_held_back() -> None:
    assert reason(age=2, held=200, recent=200, limit=None) != ""


def test_what_was_gained_since_the_snapshot_counts() -> None:
    assert reason(age=0.2, held=1, recent=0, gained=70, snapshot_age=0.7) == ""
    assert reason(age=0.2, held=1, recent=0, gained=7, snapshot_age=0.7) != ""
    # A tenth of a second says nothing about the next ten.
    assert reason(age=0.2, held=1, recent=0, gained=70, snapshot_age=0.1) != ""


def test_a_steady_climb_counts() -> None:
    assert reason(age=9, held=700, recent=0, per_second=100) == ""


@pytest.mark.parametrize(("others", "is_held_back"), [(0, True), (700, False)])
def test_a_shared_limit_that_is_nearer_counts(others: int, is_held_back: bool) -> None:
    """The job holds 200 of its 900 MiB, and gains 20 a second; the node has 1000."""
    process = replace(
        watches.process(4711, 200 * MIB), age_ns=3 * S, recent_growth_bytes=40 * MIB
    )
    job = watches.job(processes=(process,), limit=900 * MIB)
    charge = job.cgroup.charge_bytes
    node = charge + others * MIB
    contents = CgroupContents(anon_bytes=node)
    levels = (
        LimitLevel(1, 0, charge, 900 * MIB),
        LimitLevel(2, 1, node, 1000 * MIB, path="/node", contents=contents),
    )
    job = replace(job, cgroup=with_limits(job.cgroup._replace(levels=levels)))
    selection = TargetSelection(job, process, process.age_ns)
    assert bool(held_back_by_grace(selection, GRACE_NS, None, 0)) is is_held_back
