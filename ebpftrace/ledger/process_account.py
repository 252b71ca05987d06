"""The open account of one process."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ebpftrace.counters import Delays, ProcessCounters, Usage
from ebpftrace.events import ProcessKey, ProcessStarted
from ebpftrace.golang.telemetry import MONITOR_BYTES
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.process_history import ProcessHistory
from ebpftrace.ledger.snapshot import ProcessSnapshot, ProcessState
from ebpftrace.ledger.trend import Trend

if TYPE_CHECKING:
    from ebpftrace.ledger.accounts import JobAccount


class KnownProcess(NamedTuple):
    """What the ledger knows of a live process between two snapshots."""

    job: JobIdentity
    comm: str
    role: str
    limit_bytes: int | None
    exec_name: str = ""


@dataclass(slots=True, eq=False)
class ProcessAccount:
    """One live process, from its start on."""

    started: ProcessStarted
    start_time_ns: int  # Unix time
    comm: str
    job: "JobAccount"
    counters: ProcessCounters = field(init=False)
    own: Usage = field(init=False)  # without what it shows of its parent's
    role: str = field(init=False)  # "" from when it is too large for it
    history: ProcessHistory = field(init=False)
    delays: Delays | None = None
    peak_elsewhere_bytes: int = 0  # its own peak in the jobs it was in before
    wakes_ns: int = 0  # from when on `_drawn` differs without a change
    _drawn: ProcessSnapshot | None = None  # None: it has changed

    def __post_init__(self) -> None:
        self.counters = self.started.counters
        self.own = self.counters.usage.less(self.counters.inherited)
        self.role = "" if self.own.held_bytes > MONITOR_BYTES else self.started.role
        self.history = ProcessHistory(self.started.time_ns, self.own.held_bytes)

    def read(self, counters: ProcessCounters) -> None:
        """Record a reading of its counters while it is in its job."""
        if counters == self.counters:
            return  # most processes rest most of the time
        self._drawn = None
        before, shared = self.own, self.counters.inherited.held_bytes
        self.counters = counters
        self.own = counters.usage.less(counters.inherited)
        if self.role and self.own.held_bytes > MONITOR_BYTES:
            self.role = ""
        # What its parent gave back, or all when that has ended; not what it gave back itself.
        unshared = shared - counters.inherited.held_bytes
        lifted = min(unshared, self.own.held_bytes - before.held_bytes)
        if lifted > 0:
            self.history.lift(lifted)
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

    def rename(self, comm: str) -> None:
        """It has another name from here on."""
        if comm != self.comm:
            self.comm, self._drawn = comm, None
            self.job.is_stale = True

    def delay(self, delays: Delays) -> None:
        """Record what it lost waiting."""
        if delays != self.delays:
            self.delays, self._drawn = delays, None
            self.job.is_stale = True

    def draw(
        self, now_ns: int, time_ns: int, before_ns: int, steady: Trend, *, has_role: bool
    ) -> ProcessSnapshot:
        """Take a sample, if it does not rest, and freeze the account.

        `steady` is its trend if it does not climb; `before_ns` when it was last drawn.
        """
        role, drawn = self.role if has_role else "", self._drawn
        if drawn is not None and now_ns < self.wakes_ns:
            if drawn.trend == steady and drawn.role == role:
                return drawn
        else:
            self.history.add(now_ns, self.own.held_bytes, before_ns)
            self.wakes_ns = self.history.wakes_ns()
        self._drawn = self._snapshot(now_ns, time_ns, steady, role)
        return self._drawn

    def _snapshot(self, now_ns: int, time_ns: int, steady: Trend, role: str) -> ProcessSnapshot:
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
            drawn_ns=now_ns,
            state=ProcessState.FORKED if forked else ProcessState.RUNNING,
            role=role,
            lost_role=role != self.role,
            curve=self.history.curve(),
            trend=trend,
            recent_growth_bytes=self.history.recent_growth_bytes,
            delays=self.delays,
            exec_name=started.exec_name,
            memory_older_ns=self._memory_older_ns,
        )

    @property
    def _memory_older_ns(self) -> int:
        started = self.started
        copied = started.counters.inherited.held_bytes
        if not started.memory_boottime_ns or 2 * copied < self.counters.usage.held_bytes:
            return 0
        return started.key.start_boottime_ns - started.memory_boottime_ns
