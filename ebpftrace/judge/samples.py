"""The history of one subject that the detectors read: recent samples, floor and trend."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from operator import attrgetter

from ebpftrace.judge.past import Departure, JobPast
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.ledger.climb import SteadyClimb
from ebpftrace.ledger.floor import FINE_NS, Floor
from ebpftrace.ledger.held import SharedLimit
from ebpftrace.ledger.series import CLOSEST_NS, DIP_NS
from ebpftrace.ledger.trend import NO_TREND, Trend
from ebpftrace.units import MIB, NS_PER_SECOND

_LEAST_CLIMB_BYTES = 8 * MIB
"""A smaller climb is shown, and not judged."""

_time_ns = attrgetter("time_ns")


@dataclass(frozen=True, slots=True)
class Sample:
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


class Samples:
    """Two minutes of samples. Bounded; at least one sample.

    The ledger has the longer history: its floor and its climb, of which `trend` is what
    follows. Samples keep what it does not: counters over time, and kinds of memory. A
    condition over a window of more than two minutes also needs the lowest value in a window
    of that length, for which a floor is kept from the first `keep_floor` on. `past` are the
    job's earlier runs, where it has some.
    """

    __slots__ = ("_before_later", "_floor", "_recent", "first_ns", "past", "trend")

    def __init__(
        self, first: Sample, trend: Trend = NO_TREND, past: JobPast | None = None
    ) -> None:
        self.first_ns = first.time_ns
        self.past = past
        self._floor: Floor | None = None
        self._before_later = self  # these samples without later ones: see `with_later`
        self._recent: deque[Sample] = deque()
        self.add(first, trend)

    def add(self, sample: Sample, trend: Trend = NO_TREND) -> None:
        """The next sample; it is skipped if it comes a quarter of a second after the last.

        A sample with another OOM kill is never skipped. `trend` is the ledger's.
        """
        self.trend = trend
        recent = self._recent
        close = bool(recent) and sample.time_ns - recent[-1].time_ns < CLOSEST_NS
        if close and sample.oom_kills == recent[-1].oom_kills:
            return
        recent.append(sample)
        if self._floor is not None:
            self._floor.add(sample.time_ns, _without_dips(self.within(DIP_NS)))
        while recent[0].time_ns < sample.time_ns - FINE_NS:
            recent.popleft()

    def with_later(self, later: Iterable[Sample]) -> "Samples":
        """A copy with some later samples, which are not in its floor and not in its trend."""
        extended = copy(self)
        newer = (sample for sample in later if sample.time_ns > self.now.time_ns)
        extended._recent = deque((*self._recent, *newer))
        return extended

    def keep_floor(self) -> Floor:
        """The floor of up to six hours, without what `with_later` added.

        It begins with the samples of the last two minutes, or with the first sample if it
        has been asked for since then. Most subjects have no condition that needs it.
        """
        samples = self._before_later
        if samples._floor is None:
            samples._floor = Floor()
            recent = list(samples._recent)
            first = 0
            for number, sample in enumerate(recent):
                while recent[first].time_ns < sample.time_ns - DIP_NS:
                    first += 1
                held = _without_dips(recent[first : number + 1])
                samples._floor.add(sample.time_ns, held)
        return samples._floor

    @property
    def now(self) -> Sample:
        """The latest sample."""
        return self._recent[-1]

    @property
    def age_ns(self) -> int:
        """Since the first sample."""
        return self.now.time_ns - self.first_ns

    @property
    def climb(self) -> SteadyClimb | None:
        """The climb of the trend, if it is large enough to be judged, as of the latest sample.

        The floor fills dips of a second, so less may be held now than at its top. The gain is
        what is left of it now; with less than half of it left there is no climb.
        """
        climb = self.trend.climb
        if climb is None:
            return None
        held = self.now.held_bytes
        if held < climb.half_bytes:
            return None
        if held < climb.top_bytes:
            gain = climb.gain_bytes - (climb.top_bytes - held)
            climb = replace(climb, gain_bytes=gain)
        return climb if climb.gain_bytes >= _LEAST_CLIMB_BYTES else None

    @property
    def unusual(self) -> Departure | None:
        """How the latest sample differs from the job's past; None where it does not."""
        if self.past is None:
            return None
        now = self.now
        return self.past.unusual(now.age_ns / NS_PER_SECOND, now.held_bytes, now.limit_bytes)

    @property
    def inside_past(self) -> bool:
        """Whether the job has a past, and the latest sample is inside it."""
        return self.past is not None and self.unusual is None

    def before(self, ns: int) -> Sample:
        """The sample of `ns` ago, or the oldest of the last two minutes."""
        later = bisect_right(self._recent, self.now.time_ns - ns, key=_time_ns)
        return self._recent[max(0, later - 1)]

    def within(self, ns: int) -> list[Sample]:
        """The samples of the last `ns`, at most two minutes, oldest first."""
        at = self.now.time_ns - ns
        found = []
        for sample in reversed(self._recent):
            if sample.time_ns < at:
                break
            found.append(sample)
        return found[::-1]

    def lowest(self, ns: int) -> tuple[int, int]:
        """When in the last `ns` least was held, and how much; beyond two minutes, its floor."""
        at = self.now.time_ns - ns
        if ns > FINE_NS and (step := self.keep_floor().step(at))[0] >= at:
            return step
        found = min(self.within(ns), key=lambda sample: (sample.held_bytes, -sample.time_ns))
        return found.time_ns, found.held_bytes


def _without_dips(near: list[Sample]) -> int:
    """The most held in so short a time that less held in it counts as a dip."""
    return max(sample.held_bytes for sample in near)


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
    own = process.own
    return _sample(job, now_ns, own.anon_bytes, own.shmem_bytes + own.swap_bytes)


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
        age_ns=job.age_ns,
        full_pressure_ns=cgroup.pressure.full_ns if cgroup.pressure else 0,
        stuck=cgroup.stuck,
        high_taken_bytes=taken,
        shared=shared,
        other_jobs=0 if shared is None else job.other_jobs,
        kernel_bytes=kernel,
    )
