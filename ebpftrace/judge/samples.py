"""What the judge remembers of one subject: its recent samples, and the floor of its curve."""

from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

from ebpftrace.judge.floor import FINE_NS, Floor
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.units import NS_PER_SECOND

CLOSEST_NS = NS_PER_SECOND // 4
"""Samples that come sooner after one another are left out."""

_TEETH_NS = 3 * 60 * NS_PER_SECOND  # for so long a tooth is remembered
_DIP_NS = round(1.2 * NS_PER_SECOND)
"""Shorter dips are filled: between two short children, or two steps of a pipeline."""

_TOOTH_SHARE = 0.05  # a fall by less of what was held is no tooth


@dataclass(frozen=True, slots=True)
class Sample:
    """One subject at one moment. Bytes, nanoseconds of CLOCK_MONOTONIC, and counts.

    `room_bytes` is what can still be held before the tightest limit is reached: page cache
    counts as room, for the kernel drops it first. None where there is no limit.
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

    @property
    def held_bytes(self) -> int:
        return self.anon_bytes + self.shmem_bytes

    @property
    def used_share(self) -> float | None:
        """How much of the limit is taken by what cannot be dropped, 0..1."""
        if not self.limit_bytes or self.room_bytes is None:
            return None
        return 1 - self.room_bytes / self.limit_bytes

    @property
    def high_share(self) -> float | None:
        """How much of memory.high is held, 0 and more."""
        return self.held_bytes / self.high_bytes if self.high_bytes else None


class Samples:
    """Two minutes of samples, and six hours of the floor. Bounded; at least one sample."""

    __slots__ = (
        "_filled",
        "_peak_before",
        "_peak_since",
        "_recent",
        "_teeth",
        "first_ns",
        "floor",
    )

    def __init__(self, first: Sample) -> None:
        self.first_ns = first.time_ns
        self.floor = Floor()
        self._recent: deque[Sample] = deque()
        self._teeth: deque[tuple[int, int]] = deque()  # when one fell, how long it had stood
        self._peak_before = 0
        self._peak_since = 0
        self._filled = 0
        self.add(first)

    def add(self, sample: Sample) -> None:
        """The next sample; one that comes sooner than a quarter of a second is left out.

        Unless it tells of a kill: that must not wait.
        """
        recent = self._recent
        close = bool(recent) and sample.time_ns - recent[-1].time_ns < CLOSEST_NS
        if close and sample.oom_kills == recent[-1].oom_kills:
            return
        recent.append(sample)
        now = sample.time_ns
        held = max(one.held_bytes for one in self.within(_DIP_NS))
        before, self._filled = self._filled or held, held
        left_ns = self.floor.add(now, held)
        self._peak_since = max(self._peak_since, held)
        if left_ns is not None and before - held > before * _TOOTH_SHARE:
            # Where falls come often, a tooth is what lies between two of them.
            fell_ns = self._teeth[-1][0] if self._teeth else left_ns
            self._teeth.append((now, now - max(left_ns, fell_ns)))
            self._peak_before = max(self._peak_before, self._peak_since)
            self._peak_since = held
        while self._teeth and self._teeth[0][0] < now - _TEETH_NS:
            self._teeth.popleft()
        if not self._teeth:
            self._peak_before = 0
        while recent[0].time_ns < now - FINE_NS:
            recent.popleft()

    def with_later(self, later: Iterable[Sample]) -> "Samples":
        """These and some later ones, for one question: they themselves stay as they are.

        None of the later ones is left out, and the floor does not know of them.
        """
        seen = copy(self)
        newer = (one for one in later if one.time_ns > self.now.time_ns)
        seen._recent = deque((*self._recent, *newer))
        return seen

    @property
    def now(self) -> Sample:
        """The latest sample."""
        return self._recent[-1]

    @property
    def age_ns(self) -> int:
        """Since the first sample."""
        return self.now.time_ns - self.first_ns

    @property
    def tooth_ns(self) -> int:
        """How long the longest tooth of the last three minutes stood before it fell."""
        return max((stood for _, stood in self._teeth), default=0)

    @property
    def peak_before_bytes(self) -> int:
        """The highest value before the last fall, where there was one lately; else 0."""
        return self._peak_before

    def before(self, ns: int) -> Sample:
        """The sample of `ns` ago, or the oldest of the last two minutes."""
        at = self.now.time_ns - ns
        found = self._recent[0]
        for sample in self._recent:
            if sample.time_ns > at:
                break
            found = sample
        return found

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
        if ns > FINE_NS and (step := self.floor.step(at))[0] >= at:
            return step
        found = min(self.within(ns), key=lambda one: (one.held_bytes, -one.time_ns))
        return found.time_ns, found.held_bytes


def of_job(job: JobSnapshot, now_ns: int, *, alone: bool = True) -> Sample:
    """A job as one: the whole cgroup where its contents were read, else its processes.

    The tracked processes count alone where there is no limit (the cgroup may be the whole
    machine's, and nobody is killed for what the others hold), and where the job is not
    `alone` in its cgroup, as CI runs on a bare runner are not.
    """
    contents = job.cgroup.contents if job.cgroup.limit_bytes and alone else None
    if contents is None:
        anon, shmem = job.usage.anon_bytes, job.usage.shmem_bytes
    else:
        anon, shmem = contents.anon_bytes, contents.shmem_bytes
    swap = job.usage.swap_bytes
    return _sample(job, now_ns, anon, shmem + swap)


def of_process(process: ProcessSnapshot, job: JobSnapshot, now_ns: int) -> Sample:
    """One process: what it holds, and the room that all of its job's cgroup has left."""
    own = process.own
    shmem = own.shmem_bytes + own.swap_bytes
    return _sample(job, now_ns, own.anon_bytes, shmem)


def _sample(job: JobSnapshot, now_ns: int, anon: int, shmem: int) -> Sample:
    cgroup, contents = job.cgroup, job.cgroup.contents
    room = cgroup.headroom_bytes
    if room is not None:
        # Without memory.stat, what the tracked processes do not hold is taken for cache.
        held = job.usage.held_bytes
        room += contents.cache_bytes if contents else max(0, cgroup.charge_bytes - held)
    return Sample(
        time_ns=now_ns,
        anon_bytes=anon,
        shmem_bytes=shmem,
        limit_bytes=cgroup.limit_bytes,
        room_bytes=room,
        limit_hits=cgroup.limit_hits,
        oom_kills=job.oom_kills,
        stalled_ns=job.stalled_ns,
        refaults=contents.refaults if contents else 0,
        pressure_ns=cgroup.pressure.some_ns if cgroup.pressure else 0,
        high_bytes=cgroup.high_bytes,
        throttled=cgroup.events.high if cgroup.events else 0,
        major_faults=contents.major_faults if contents else 0,
    )
