"""Whether the grace of a policy holds back a firing: only a start-up that passes."""

from ebpftrace.act.breaker.targets import TargetSelection
from ebpftrace.act.trigger.trigger import UsageSinceSnapshot
from ebpftrace.ledger.growth import RECENT_NS
from ebpftrace.units import NS_PER_SECOND, format_duration

REACTION_NS = 2 * NS_PER_SECOND
"""What a snapshot and the start of an action take: so much must be left after the grace."""

_SHORTEST_NS = NS_PER_SECOND // 4  # the growth of a shorter time says nothing about the next


def held_back_by_grace(
    selection: TargetSelection,
    grace_ns: int,
    since_snapshot: UsageSinceSnapshot | None,
    snapshot_age_ns: int,
) -> str:
    """Why these processes are spared; "" if they are old enough.

    They are not spared if, as they grow now, the limit is reached before the grace ends.
    """
    left_ns = grace_ns - selection.age_ns
    if left_ns <= 0:
        return ""
    room = selection.job.nearest_room_bytes
    rate = _bytes_per_second(selection, since_snapshot, snapshot_age_ns)
    if room is not None and rate > 0:
        room -= since_snapshot.gained_bytes if since_snapshot else 0
        if room / rate * NS_PER_SECOND <= left_ns + REACTION_NS:
            return ""
    process = selection.process
    grace = format_duration(grace_ns)
    return f"{process.comm} {process.pid} is younger than the grace period of {grace}"


def _bytes_per_second(
    selection: TargetSelection, since_snapshot: UsageSinceSnapshot | None, snapshot_age_ns: int
) -> float:
    """How fast the job grows: steadily, over the last two seconds, or since the snapshot."""
    job = selection.job
    recent = sum(
        process.recent_growth_bytes
        * NS_PER_SECOND
        / min(RECENT_NS, max(_SHORTEST_NS, process.age_ns))
        for process in job.processes
    )
    rates = [recent, job.trend.bytes_per_second]
    if since_snapshot is not None and snapshot_age_ns >= _SHORTEST_NS:
        rates.append(since_snapshot.gained_bytes * NS_PER_SECOND / snapshot_age_ns)
    return max(rates)
