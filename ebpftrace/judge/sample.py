"""One subject, a job or a process, at one moment: what the detectors judge."""

from typing import NamedTuple

from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.ledger.held import SharedLimit

_NEAR_SHARE = 0.95
"""Of the limit: above it a reading that comes soon after the last one is of interest."""


class Sample(NamedTuple):
    """One subject at one moment. Bytes, nanoseconds of CLOCK_MONOTONIC, and counts.

    `room_bytes` is what can still be held before the limit is reached that is the job's own:
    page cache counts as room, for the kernel drops it first. None where there is no limit.
    `shared` is a limit that others count towards; `limit_bytes` is that if there is no other.
    """

    time_ns: int
    anon_bytes: int
    shmem_bytes: int  # and what was swapped out
    limit_bytes: int | None
    room_bytes: int | None
    limit_hits: int
    oom_kills: int
    stalled_ns: int
    refaults: int
    pressure_ns: int = 0  # PSI: at least one of its tasks waited; 0 on cgroup v1
    high_bytes: int | None = None  # memory.high of v2: above it a job is throttled
    throttled: int = 0  # how often it was
    major_faults: int = 0
    age_ns: int = 0  # of its job
    full_pressure_ns: int = 0  # PSI: all that could have run waited
    stuck: bool = False  # a task waits at the limit, and the OOM killer is disabled
    high_taken_bytes: int | None = None  # of a memory.high that others share
    shared: SharedLimit | None = None  # `other_jobs` run below it, too
    other_jobs: int = 0
    kernel_bytes: int = 0  # memory of the kernel itself that it cannot drop

    @property
    def held_bytes(self) -> int:
        return self.anon_bytes + self.shmem_bytes + self.kernel_bytes

    @property
    def used_share(self) -> float | None:
        """How much of the limit is taken by what cannot be dropped, 0..1."""
        if not self.limit_bytes or self.room_bytes is None:
            return None
        return 1 - self.room_bytes / self.limit_bytes

    @property
    def high_share(self) -> float | None:
        """How much of memory.high is held, 0 and more."""
        held = max(self.held_bytes, self.high_taken_bytes or 0)
        return held / self.high_bytes if self.high_bytes else None

    @property
    def is_near_limit(self) -> bool:
        """Whether nearly all of a limit is taken, of its own or of one that it shares."""
        shared = self.shared.used_share if self.shared else 0.0
        return max(self.used_share or 0.0, shared) >= _NEAR_SHARE


def is_alike(one: Sample, other: Sample) -> bool:
    """Whether two samples differ in nothing but their time."""
    return one._replace(time_ns=other.time_ns, age_ns=other.age_ns) == other


def of_job(job: JobSnapshot, now_ns: int) -> Sample:
    """A job as one: the whole cgroup where that is the job's alone, else its processes."""
    contents = job.counted_contents
    if contents is None:
        usage = job.charged_usage
        anon, shmem, kernel = usage.anon_bytes, usage.shmem_bytes, 0
    else:
        anon = contents.anon_bytes - contents.lazy_bytes
        shmem = contents.shmem_bytes
        kernel = job.kernel_bytes or 0
    return _sample(job, now_ns, anon, shmem + job.usage.swap_bytes, kernel)


def of_process(process: ProcessSnapshot, job: JobSnapshot, now_ns: int) -> Sample:
    """One process: what it holds, and the room that all of its job's cgroup has left."""
    own, contents = process.own, job.cgroup.contents
    freed = 0 if contents is None else dict(contents.lazy_by_process).get(process.pid, 0)
    anon = max(0, own.anon_bytes - freed)
    return _sample(job, now_ns, anon, own.shmem_bytes + own.swap_bytes)


def _sample(job: JobSnapshot, now_ns: int, anon: int, shmem: int, kernel: int = 0) -> Sample:
    cgroup, contents = job.cgroup, job.cgroup.contents
    shared, taken = job.shared_limit, cgroup.high_charge_bytes
    taken = taken - contents.cache_bytes if taken and contents else taken
    return Sample(
        time_ns=now_ns,
        anon_bytes=anon,
        shmem_bytes=shmem,
        limit_bytes=cgroup.limit_bytes,
        room_bytes=job.room_bytes,
        limit_hits=cgroup.limit_hits,
        oom_kills=job.oom_kills,
        stalled_ns=job.stalled_ns,
        refaults=contents.refaults if contents else 0,
        pressure_ns=cgroup.pressure.some_ns if cgroup.pressure else 0,
        high_bytes=cgroup.high_bytes,
        throttled=cgroup.events.high if cgroup.events else 0,
        major_faults=contents.major_faults if contents else 0,
        age_ns=job.age_at(now_ns),
        full_pressure_ns=cgroup.pressure.full_ns if cgroup.pressure else 0,
        stuck=cgroup.stuck,
        high_taken_bytes=taken,
        shared=shared,
        other_jobs=0 if shared is None else job.other_jobs,
        kernel_bytes=kernel,
    )
