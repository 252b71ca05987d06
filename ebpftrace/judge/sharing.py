"""A limit that several jobs share: which of them brings it nearer."""

from ebpftrace.judge.sample import Sample
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger.climbs.floor import FINE_NS
from ebpftrace.ledger.held import SharedLimit

PART = 1 / 3  # of what was gained below the limit: as much as a process must have of a job
LEAST_SHARE = 0.01  # of the limit; where the job climbs steadily, any gain will do


FULL_SHARE = 0.995
"""Nothing is over while so much of the limit is taken by what cannot be dropped."""


def is_full(sample: Sample) -> bool:
    """Whether the subject is at its limit: then it has only stopped growing."""
    return sample.stuck or (sample.used_share or 0.0) >= FULL_SHARE


def limit_is_shared(sample: Sample) -> bool:
    """Whether the job has no limit of its own: `limit_bytes` is the shared one."""
    return sample.shared is not None and sample.shared.room_bytes == sample.room_bytes


def nearer_shared(sample: Sample) -> SharedLimit | None:
    """The shared limit, where it is nearer than the job's own."""
    if sample.shared is None or sample.room_bytes is None:
        return None
    return sample.shared if sample.shared.room_bytes < sample.room_bytes else None


def grew(samples: Samples, window_ns: int = FINE_NS) -> bool:
    """Whether this job gained a third of what was gained below its shared limit.

    Of the last two minutes at most, and against the lowest reading in them: what the others
    gave back is not held against the job. Where no job gained enough, none has grown.
    """
    shared = samples.now.shared
    if shared is None:
        return True
    same = [
        sample
        for sample in samples.within(window_ns)
        if sample.shared is not None and sample.shared.cgroup_id == shared.cgroup_id
    ]
    gained = samples.now.held_bytes - min(sample.held_bytes for sample in same)
    taken = [sample.shared.taken_bytes for sample in same if sample.shared is not None]
    least = 1 if samples.climb is not None else LEAST_SHARE * shared.limit_bytes
    return gained >= max(least, PART * (shared.taken_bytes - min(taken)))
