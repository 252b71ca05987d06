"""Whether the watch does what it should: the checks behind /healthz and /readyz."""

import time
from dataclasses import dataclass

from ebpftrace.service.state import Published
from ebpftrace.units import NS_PER_SECOND, format_duration

_LEAST_PATIENCE_NS = 10 * NS_PER_SECOND
_INTERVALS = 3
_AWAY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that should hold, and the reason for the answer."""

    name: str
    ok: bool
    detail: str


def checks(published: Published, now_ns: int | None = None) -> tuple[Check, ...]:
    """All of them at this time (CLOCK_MONOTONIC). Readiness needs every one."""
    now_ns = time.monotonic_ns() if now_ns is None else now_ns
    return (
        _programs(published),
        loop_check(published, now_ns),
        _audit(published),
        _policies(published),
        _kubernetes(published, now_ns),
    )


def loop_check(published: Published, now_ns: int) -> Check:
    """Whether the engine's thread still takes snapshots, and how late."""
    started, snapshot = published.started, published.snapshot
    if started is None or snapshot is None:
        return Check("loop", False, "no snapshot was taken yet")
    age_ns, lag_ns = max(0, now_ns - snapshot.monotonic_ns), snapshot.cost.lag_ns
    patience_ns = max(_INTERVALS * started.interval_ns, _LEAST_PATIENCE_NS)
    if age_ns > patience_ns:
        return Check("loop", False, f"no snapshot for {format_duration(age_ns)}")
    detail = f"last snapshot {format_duration(age_ns)} ago, {format_duration(lag_ns)} late"
    return Check("loop", lag_ns <= patience_ns, detail)


def remarks(published: Published) -> tuple[str, ...]:
    """What a reader should know, and does not make the watch unready."""
    snapshot = published.snapshot
    if snapshot is None or not snapshot.losses:
        return ()
    lost = ", ".join(f"{count:,} {cause}" for cause, count in snapshot.losses.items() if count)
    return (f"lost: {lost}",) if lost else ()


def _programs(published: Published) -> Check:
    if published.over:
        return Check("programs", False, "the watch has ended")
    if published.started is None:
        return Check("programs", False, "not attached yet")
    return Check("programs", True, "attached")


def _audit(published: Published) -> Check:
    if not published.acts:
        return Check("audit", True, "no policy: nothing is written")
    return Check("audit", not published.audit_trouble, published.audit_trouble or "writable")


def _policies(published: Published) -> Check:
    trouble = published.reload_trouble
    return Check("policies", not trouble, trouble or ("in force" if published.acts else "none"))


def _kubernetes(published: Published, now_ns: int) -> Check:
    """Memory is watched without the API as well; a minute without it fails the check."""
    cluster = published.cluster
    if cluster is None:
        return Check("kubernetes", True, published.no_cluster or "not asked")
    away = cluster.api.away_seconds(now_ns)
    if not cluster.api.connected:
        detail = f"not for {format_duration(int(away * NS_PER_SECOND))}: {cluster.api.trouble}"
        return Check("kubernetes", away <= _AWAY_SECONDS, detail)
    return Check("kubernetes", True, f"pods known: {len(cluster.pods)}")
