"""The open account of a job, with those of its processes."""

from dataclasses import dataclass, field

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.events import ProcessKey, StartCause
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.growth import NEVER_NS
from ebpftrace.ledger.held import charged_usage, held_bytes, nearest_room_bytes
from ebpftrace.ledger.job_history import JobHistory, JobReading
from ebpftrace.ledger.process_account import ProcessAccount
from ebpftrace.ledger.shared import SharedCgroup, Surroundings, total
from ebpftrace.ledger.snapshot import (
    GrowthRates,
    JobSnapshot,
    JobState,
    ProcessSnapshot,
)
from ebpftrace.ledger.trend import NO_TREND, Trend

_HELD_BEFORE = (StartCause.FOUND, StartCause.RENAME, StartCause.SHARED)
"""Starts of processes that held their memory before they were tracked."""


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
    is_stale: bool = True  # one of its processes is not as it was drawn
    wakes_ns: int = 0  # from when on `_drawn` differs without a change
    _drawn: JobSnapshot | None = None
    _around: Surroundings | None = None  # what `_drawn` was drawn with

    def __post_init__(self) -> None:
        self.ended_ns = self.began_ns

    def has_changed(self) -> None:
        """A process entered, left or was read anew, so what follows from them is stale."""
        self._usage = self._by_size = None
        self._peaks_updated, self.is_stale = False, True

    def enter(self, process: ProcessAccount) -> None:
        """The process runs in this job from here on.

        The curve begins with the first one, also where the job was idle before. What a
        process held before it was found, or renamed to a watched name, is no growth.
        """
        if not self.history.is_started:
            self.history.start(process.started.time_ns, process.own.held_bytes)
        elif process.started.how in _HELD_BEFORE:
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

    @property
    def monitor_bytes(self) -> int:
        """What its crash monitors hold together."""
        return sum(one.own.held_bytes for one in self.processes.values() if one.role)

    @property
    def place(self) -> tuple[int, bool]:
        """The id of its cgroup, and whether it has a process there."""
        return self.identity.cgroup_id, bool(self.processes)

    def rests(self, now_ns: int) -> bool:
        """Whether it would be drawn as the last time, if its surroundings are the same."""
        drawn = self._drawn
        if drawn is None or self.is_stale or now_ns >= self.wakes_ns:
            return False
        if self.cgroup is not drawn.cgroup:
            if self.cgroup != drawn.cgroup:
                return False
            self.cgroup = drawn.cgroup  # so that it is not compared again
        return (
            self.started == drawn.started
            and self.stalled_ns == drawn.stalled_ns
            and self.stalls == drawn.stalls
            and self.oom_kills == drawn.oom_kills
            and (self.identity is drawn.identity or self.identity == drawn.identity)
            and (bool(self.processes) or self.gone == (drawn.state is JobState.GONE))
        )

    def draw(
        self, now_ns: int, time_ns: int, before_ns: int, usage: Usage, around: Surroundings
    ) -> JobSnapshot:
        """Take a sample, if it does not rest, and freeze the account.

        `usage` is this job's; `before_ns` is when it was last drawn.
        """
        drawn = self._drawn
        if drawn is not None and around == self._around and self.rests(now_ns):
            self.history.stay(now_ns)
            return drawn
        self._sample(now_ns, before_ns, usage, around.group)
        trend = self.history.trend
        steady = trend if trend.climb is None else Trend(room_bytes=trend.room_bytes)
        roles = around.monitors_are_small
        processes = tuple(
            process.draw(now_ns, time_ns, before_ns, steady, has_role=roles)
            for process in self.by_size
        )
        made = self._snapshot(now_ns, usage, around, trend, processes)
        self.is_stale, self._drawn, self._around = False, made, around
        wakes = min((process.wakes_ns for process in self.by_size), default=NEVER_NS)
        self.wakes_ns = min(wakes, self.history.wakes_ns())
        return made

    def ended_snapshot(self, now_ns: int, usage: Usage, around: Surroundings) -> JobSnapshot:
        """Of a job without a process, at the end of the watch."""
        return self._snapshot(now_ns, usage, around, NO_TREND, ())

    def _sample(self, now_ns: int, before_ns: int, usage: Usage, group: SharedCgroup) -> None:
        """Record what the job holds now; `group` is all of its cgroup."""
        reading = JobReading(
            own_bytes=charged_usage(self.cgroup, usage).held_bytes if self.processes else None,
            held_bytes=held_bytes(
                self.cgroup, usage, alone=group.is_alone(running=bool(self.processes))
            ),
            charge_bytes=self.cgroup.charge_bytes,
            room_bytes=nearest_room_bytes(self.cgroup, group.usage),
        )
        self.history.add(now_ns, reading, before_ns)
        if not self._peaks_updated:
            for process in self.processes.values():
                self.update_peak_from(process)
            self.update_peaks()
            self._peaks_updated = True

    def _snapshot(
        self,
        now_ns: int,
        usage: Usage,
        around: Surroundings,
        trend: Trend,
        processes: tuple[ProcessSnapshot, ...],
    ) -> JobSnapshot:
        rate = trend.bytes_per_second
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
            drawn_ns=now_ns,
            state=self.state,
            started=self.started,
            processes=processes,
            alone=around.group.is_alone(running=bool(self.processes)),
            group_usage=around.group.usage,
            trend=trend,
            curve=self.history.curve(),
            held_curve=held_curve,
            charge_curve=charge_curve,
            peak_growth_bytes=self.peak_growth_bytes,
            jobs_below=around.jobs_below,
            usage_below=around.usage_below,
        )
