"""The open accounts: one a process, one a job."""

from dataclasses import dataclass, field

from ebpftrace.events import (
    CgroupCounters,
    JobIdentity,
    ProcessCounters,
    ProcessKey,
    ProcessStarted,
    Usage,
)
from ebpftrace.ledger.curve import CurveKeeper
from ebpftrace.ledger.history import History
from ebpftrace.ledger.snapshot import Growth, JobSnapshot, ProcessSnapshot

_FAR_OFF_SECONDS = 7 * 24 * 3600.0  # a limit further away than a week is no news


@dataclass(slots=True)
class ProcessAccount:
    """One live process."""

    started: ProcessStarted
    start_time_ns: int
    comm: str
    counters: ProcessCounters
    job: "JobAccount"
    history: History = field(default_factory=History)
    curve: CurveKeeper = field(default_factory=CurveKeeper)

    @property
    def key(self) -> ProcessKey:
        return self.started.key

    @property
    def own(self) -> Usage:
        return self.counters.usage.less(self.counters.inherited)

    @property
    def label(self) -> str:
        return f"{self.comm} {self.key.pid}"

    def snapshot(self, time_ns: int) -> ProcessSnapshot:
        forked = self.counters.inherited.resident_bytes > 0
        return ProcessSnapshot(
            key=self.key,
            start_time_ns=self.start_time_ns,
            parent_pid=self.started.parent_pid,
            comm=self.comm,
            program=self.started.program,
            args=self.started.args,
            counters=self.counters,
            growth=self.history.growth(),
            age_ns=max(0, time_ns - self.start_time_ns),
            state="forked" if forked else "running",
            role=self.started.role,
            curve=self.curve.curve(),
        )


@dataclass(slots=True)
class JobAccount:
    """One job, from its first tracked process until the watch ends."""

    identity: JobIdentity
    began_ns: int  # CLOCK_MONOTONIC
    processes: dict[ProcessKey, ProcessAccount] = field(default_factory=dict)
    cgroup: CgroupCounters = CgroupCounters()
    baseline: CgroupCounters | None = None  # the first reading: what was before us
    history: History = field(default_factory=History)
    curve: CurveKeeper = field(default_factory=CurveKeeper)
    peak_bytes: int = 0
    peak_holder: str = ""
    kills_seen: int = 0
    started: int = 0
    gone: bool = False
    stalls_before: int = 0  # of earlier jobs in the same cgroup
    stalled_before_ns: int = 0
    stalls_told: int = 0
    stalled_told_ns: int = 0

    def see_cgroup(self, counters: CgroupCounters) -> None:
        """A reading of the memory cgroup this job is charged to."""
        if self.baseline is None:
            self.baseline = counters
        self.cgroup = counters

    def see_peak(self, process: ProcessAccount) -> None:
        """One process's own peak, which may lie between two readings of the whole job."""
        peak = process.counters.peak_bytes - process.counters.inherited.resident_bytes
        if peak > self.peak_bytes:
            self.peak_bytes, self.peak_holder = peak, process.label

    @property
    def usage(self) -> Usage:
        return sum((process.own for process in self.processes.values()), Usage())

    @property
    def oom_kills(self) -> int:
        """The kernel's own count where it saw more than was told; never before our time."""
        before = self.baseline.oom_kills if self.baseline else self.cgroup.oom_kills
        return max(self.kills_seen, self.cgroup.oom_kills - before)

    @property
    def stalled_ns(self) -> int:
        return max(0, self.cgroup.stalled_ns - self.stalled_before_ns)

    @property
    def stalls(self) -> int:
        return max(0, self.cgroup.stalls - self.stalls_before)

    @property
    def state(self) -> str:
        if self.gone:
            return "gone"
        return "running" if self.processes else "idle"

    def sample(self, now_ns: int) -> None:
        """Note what is held now, of the job and of each of its processes."""
        if self.gone or not (self.processes or self.peak_bytes):
            return
        usage = self.usage
        self.history.add(now_ns, usage.held_bytes)
        self.curve.add(now_ns, usage.held_bytes)
        for process in self.processes.values():
            held = process.own.held_bytes
            process.history.add(now_ns, held)
            process.curve.add(now_ns, held)
            self.see_peak(process)
        if usage.resident_bytes > self.peak_bytes:
            largest = max(self.processes.values(), key=lambda one: one.own.resident_bytes)
            self.peak_bytes, self.peak_holder = usage.resident_bytes, largest.label

    def snapshot(self, now_ns: int, time_ns: int) -> JobSnapshot:
        growth = self.history.growth() if self.processes else Growth()
        usage = self.usage
        processes = [process.snapshot(time_ns) for process in self.processes.values()]
        processes.sort(key=lambda one: (-one.own.resident_bytes, one.pid))
        return JobSnapshot(
            identity=self.identity,
            cgroup=self.cgroup,
            usage=usage,
            peak_bytes=self.peak_bytes,
            peak_holder=self.peak_holder,
            growth=growth,
            seconds_to_limit=self._seconds_to_limit(usage, growth.bytes_per_second),
            oom_kills=self.oom_kills,
            stalled_ns=self.stalled_ns,
            stalls=self.stalls,
            age_ns=max(0, now_ns - self.began_ns),
            state=self.state,
            started=self.started,
            processes=tuple(processes),
            curve=self.curve.curve(),
        )

    def _seconds_to_limit(self, usage: Usage, rate: int) -> float | None:
        """Until what is held reaches the tightest limit, at the floor's rate.

        Page cache in the charge is dropped before anything is killed, so what the charge
        has beyond the tracked processes' held memory counts as room. Memory that other
        processes of the cgroup hold is taken for cache by this; the real end comes sooner.
        """
        headroom = self.cgroup.headroom_bytes
        if headroom is None or rate <= 0:
            return None
        room = headroom + max(0, self.cgroup.charge_bytes - usage.held_bytes)
        seconds = room / rate
        return seconds if seconds < _FAR_OFF_SECONDS else None
