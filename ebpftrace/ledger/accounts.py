"""The open accounts: one for each process, and one for each job."""

from dataclasses import dataclass, field

from ebpftrace.counters import CgroupCounters, Delays, ProcessCounters, Usage
from ebpftrace.events import ProcessKey, ProcessStarted, StartCause
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.held import charged_usage, held_bytes, nearest_room_bytes
from ebpftrace.ledger.job_history import JobHistory, JobReading
from ebpftrace.ledger.process_history import ProcessHistory
from ebpftrace.ledger.shared import SharedCgroup, total
from ebpftrace.ledger.snapshot import (
    GrowthRates,
    JobSnapshot,
    JobState,
    ProcessSnapshot,
    ProcessState,
)
from ebpftrace.ledger.trend import Trend


@dataclass(slots=True, eq=False)
class ProcessAccount:
    """One live process, from its start on."""

    started: ProcessStarted
    start_time_ns: int  # Unix time
    comm: str
    job: "JobAccount"
    counters: ProcessCounters = field(init=False)
    own: Usage = field(init=False)  # without what it shows of its parent's
    history: ProcessHistory = field(init=False)
    delays: Delays | None = None
    peak_elsewhere_bytes: int = 0  # its own peak in the jobs it was in before

    def __post_init__(self) -> None:
        self.counters = self.started.counters
        self.own = self.counters.usage.less(self.counters.inherited)
        self.history = ProcessHistory(self.started.time_ns, self.own.held_bytes)

    def read(self, counters: ProcessCounters) -> None:
        """Record a reading of its counters while it is in its job."""
        if counters == self.counters:
            return  # most processes rest most of the time
        before, shared = self.own, self.counters.inherited.held_bytes
        self.counters = counters
        self.own = counters.usage.less(counters.inherited)
        if shared and not counters.inherited.held_bytes:  # its parent has ended
            self.history.lift(min(shared, self.own.held_bytes))
        self.job.has_changed()
        self.job.resident_bytes += self.own.resident_bytes - before.resident_bytes
        self.job.held_bytes += self.own.held_bytes - before.held_bytes

    @property
    def key(self) -> ProcessKey:
        return self.started.key

    @property
    def label(self) -> str:
        return f"{self.comm} {self.key.pid}"

    @property
    def own_peak_bytes(self) -> int:
        """The highest own resident size known; a lower bound for a forked child.

        A child inherited most at its birth, and what it gave back since was not its own.
        """
        inherited = self.started.counters.inherited.resident_bytes
        return max(self.own.resident_bytes, self.counters.peak_bytes - inherited)

    def snapshot(self, time_ns: int, steady: Trend) -> ProcessSnapshot:
        """The account, frozen; `steady` is its trend if it does not climb."""
        climb = self.history.climb
        trend = Trend(climb, steady.room_bytes) if climb else steady
        forked, started = self.counters.inherited.resident_bytes > 0, self.started
        return ProcessSnapshot(
            key=started.key,
            start_time_ns=self.start_time_ns,
            parent_pid=started.parent_pid,
            comm=self.comm,
            program=started.program,
            args=started.args,
            counters=self.counters,
            growth=self.history.growth(trend.bytes_per_second),
            age_ns=max(0, time_ns - self.start_time_ns),
            state=ProcessState.FORKED if forked else ProcessState.RUNNING,
            role=started.role,
            curve=self.history.curve(),
            trend=trend,
            recent_growth_bytes=self.history.recent_growth_bytes,
            delays=self.delays,
            exec_name=started.exec_name,
        )


@dataclass(slots=True, eq=False)
class JobAccount:
    """One job, from its first tracked process until it is forgotten."""

    identity: JobIdentity
    began_ns: int  # CLOCK_MONOTONIC
    processes: dict[ProcessKey, ProcessAccount] = field(default_factory=dict)
    resident_bytes: int = 0  # of its processes' own, summed
    held_bytes: int = 0
    cgroup: CgroupCounters = CgroupCounters()
    history: JobHistory = field(default_factory=JobHistory)
    grown_bytes: int = 0  # by when its last process left
    peak_growth_bytes: int = 0
    peak_bytes: int = 0
    peak_holder: str = ""
    oom_kills: int = 0
    stalled_ns: int = 0
    stalls: int = 0
    started: int = 0
    gone: bool = False
    ended_ns: int = field(init=False)  # when its last process left
    _usage: Usage | None = None  # None: to be summed anew
    _by_size: list[ProcessAccount] | None = None  # None: to be sorted anew
    _peaks_updated: bool = False  # since a process entered, left or changed

    def __post_init__(self) -> None:
        self.ended_ns = self.began_ns

    def has_changed(self) -> None:
        """A process entered, left or was read anew, so what follows from them is stale."""
        self._usage = self._by_size = None
        self._peaks_updated = False

    def enter(self, process: ProcessAccount) -> None:
        """The process runs in this job from here on.

        The curve begins with the first one, also where the job was idle before. What a
        process held before it was found, or renamed to a watched name, is no growth.
        """
        if not self.history.is_started:
            self.history.start(process.started.time_ns, process.own.held_bytes)
        elif process.started.how in (StartCause.FOUND, StartCause.RENAME):
            self.history.lift(process.own.held_bytes)
        self.processes[process.key] = process
        self.has_changed()
        self.resident_bytes += process.own.resident_bytes
        self.held_bytes += process.own.held_bytes

    def leave(self, process: ProcessAccount, now_ns: int) -> None:
        """The process ended or moved away; its account has its last reading."""
        self.update_peaks()
        self.update_peak_from(process)
        del self.processes[process.key]
        self.has_changed()
        self.resident_bytes -= process.own.resident_bytes
        self.held_bytes -= process.own.held_bytes
        if not self.processes:
            self.ended_ns = now_ns
            self.grown_bytes = self.history.total_growth_bytes
            self.history.restart()
            self.processes = {}  # a dict never shrinks

    def update_peaks(self) -> None:
        """Its processes' sum, as of their last readings, may be the highest ever."""
        self.peak_growth_bytes = max(
            self.peak_growth_bytes, self.history.growth_to(self.held_bytes)
        )
        if self.resident_bytes > self.peak_bytes:
            largest = max(
                self.processes.values(), key=lambda process: process.own.resident_bytes
            )
            self.peak_bytes, self.peak_holder = self.resident_bytes, largest.label

    def update_peak_from(self, process: ProcessAccount) -> None:
        """One process's own peak, which may lie between two readings of the whole job."""
        peak = process.own_peak_bytes
        if peak > self.peak_bytes and peak > process.peak_elsewhere_bytes:
            self.peak_bytes, self.peak_holder = peak, process.label

    @property
    def usage(self) -> Usage:
        """Of its processes, summed."""
        if self._usage is None:
            self._usage = total(process.own for process in self.processes.values())
        return self._usage

    @property
    def by_size(self) -> list[ProcessAccount]:
        """Its processes, the one with most own resident bytes first."""
        if self._by_size is None:
            self._by_size = sorted(
                self.processes.values(),
                key=lambda process: (-process.own.resident_bytes, process.key.pid),
            )
        return self._by_size

    @property
    def state(self) -> JobState:
        if self.processes:
            return JobState.RUNNING
        return JobState.GONE if self.gone else JobState.IDLE

    def sample(self, now_ns: int, usage: Usage, group: SharedCgroup) -> None:
        """Record what the job and each of its processes hold now.

        `usage` is this job's, `group` all of its cgroup.
        """
        reading = JobReading(
            own_bytes=charged_usage(self.cgroup, usage).held_bytes if self.processes else None,
            held_bytes=held_bytes(self.cgroup, usage, alone=group.jobs == 1),
            charge_bytes=self.cgroup.charge_bytes,
            room_bytes=nearest_room_bytes(self.cgroup, group.usage),
        )
        self.history.add(now_ns, reading)
        for process in self.processes.values():
            process.history.add(now_ns, process.own.held_bytes)
            if not self._peaks_updated:
                self.update_peak_from(process)
        if not self._peaks_updated:
            self.update_peaks()
            self._peaks_updated = True

    def snapshot(
        self, now_ns: int, time_ns: int, usage: Usage, group: SharedCgroup, trend: Trend
    ) -> JobSnapshot:
        """The account, frozen; `usage` is this job's, `group` all of its cgroup."""
        rate, steady = trend.bytes_per_second, Trend(room_bytes=trend.room_bytes)
        growth = (
            self.history.growth(rate)
            if self.processes
            else GrowthRates(0, 0, self.grown_bytes, rate)
        )
        held_curve, charge_curve = self.history.evidence_curves()
        return JobSnapshot(
            identity=self.identity,
            cgroup=self.cgroup,
            usage=usage,
            peak_bytes=self.peak_bytes,
            peak_holder=self.peak_holder,
            growth=growth,
            oom_kills=self.oom_kills,
            stalled_ns=self.stalled_ns,
            stalls=self.stalls,
            age_ns=max(0, now_ns - self.began_ns),
            state=self.state,
            started=self.started,
            processes=tuple(process.snapshot(time_ns, steady) for process in self.by_size),
            alone=group.jobs == 1,
            group_usage=group.usage,
            trend=trend,
            curve=self.history.curve(),
            held_curve=held_curve,
            charge_curve=charge_curve,
            peak_growth_bytes=self.peak_growth_bytes,
        )
