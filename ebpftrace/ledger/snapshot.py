"""The ledger at one moment, frozen. Views and judges read this and nothing else.

Sizes are bytes. `monotonic_ns` is CLOCK_MONOTONIC; every `*_time_ns` is Unix time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from ebpftrace.counters import CgroupContents, CgroupCounters, Delays, ProcessCounters, Usage
from ebpftrace.events import ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger.clock import Aging
from ebpftrace.ledger.curve import Curve
from ebpftrace.ledger.held import (
    SharedLimit,
    charged_usage,
    counted_contents,
    held_bytes,
    kernel_bytes,
    nearest_room_bytes,
    room_bytes,
    shared_limit,
)
from ebpftrace.ledger.trend import NO_TREND, Trend


class GrowthRates(NamedTuple):
    """How held memory (anon + shmem + swap) moved.

    `bytes_10s` and `bytes_60s` compare with 10 and 60 s ago (or with the first reading,
    if that is later; a job that was idle is read anew); `bytes_total` with the first
    reading ever, which a start seen by us comes with. `bytes_per_second` is the rate of the
    steady climb (see `Trend`), which a collector's sawtooth or a burst has not. A job that
    ended has only `bytes_total`, by its last reading.
    """

    bytes_10s: int = 0
    bytes_60s: int = 0
    bytes_total: int = 0
    bytes_per_second: int = 0


class ProcessState(StrEnum):
    """What a tracked process is doing, as far as its memory goes."""

    RUNNING = "running"
    FORKED = "forked"  # what it inherited is still shared with its parent


class JobState(StrEnum):
    """Whether a job still uses memory."""

    RUNNING = "running"
    IDLE = "idle"  # no tracked process is left
    GONE = "gone"  # its cgroup was removed


@dataclass(frozen=True, slots=True)
class ProcessSnapshot(Aging):
    """One tracked process."""

    key: ProcessKey
    start_time_ns: int
    parent_pid: int
    comm: str
    program: str
    args: tuple[str, ...]
    counters: ProcessCounters
    growth: GrowthRates
    age_ns: int
    state: ProcessState
    role: str = ""  # "telemetry": the crash monitor a Go tool starts of itself
    lost_role: bool = False  # it would have one if all in its place were small together
    delays: Delays | None = None  # None: not asked for (`--delays`), or not read yet
    curve: Curve = Curve()  # of its own held bytes
    trend: Trend = NO_TREND  # of its own held bytes, with the room of its job
    recent_growth_bytes: int = 0  # held bytes gained in two seconds, or since its start
    exec_name: str = ""  # the name it was executed under, cut as `comm` is; "": not known
    drawn_ns: int | None = None
    memory_older_ns: int = 0  # how much older the ancestor is that half of its memory is from

    @property
    def pid(self) -> int:
        return self.key.pid

    @property
    def own(self) -> Usage:
        """The usage that counts towards the job: without what it shows of its parent's."""
        return self.counters.usage.less(self.counters.inherited)

    @property
    def cmdline(self) -> str:
        return " ".join(self.args) or self.comm


@dataclass(frozen=True, slots=True)
class JobSnapshot(Aging):
    """One job: its tracked processes, and the memory cgroup they are charged to.

    `usage` sums the tracked processes' own usage; `cgroup` is the whole cgroup's charge,
    with everything else in it. Several jobs may share a cgroup: then none is `alone`, and
    `group_usage` sums the tracked processes of all of them.
    """

    identity: JobIdentity
    cgroup: CgroupCounters
    usage: Usage
    peak_bytes: int  # highest own resident bytes known of: their sum, or one process's
    peak_holder: str  # "gopls 4711": the process that held most of it then
    growth: GrowthRates
    oom_kills: int
    stalled_ns: int
    stalls: int
    age_ns: int
    state: JobState
    started: int  # tracked processes that ever ran in it
    processes: tuple[ProcessSnapshot, ...]  # largest first
    alone: bool  # the only job of this snapshot in its cgroup
    group_usage: Usage
    trend: Trend  # of `held_bytes`
    curve: Curve = Curve()  # of the held bytes of all its processes
    held_curve: Curve = Curve()  # of `held_bytes`
    charge_curve: Curve = Curve()  # of `cgroup.charge_bytes`
    peak_growth_bytes: int = 0  # the highest that `growth.bytes_total` ever was
    jobs_below: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Running jobs below each cgroup that has a limit, by its id, this one included."""
    usage_below: Usage = Usage()  # of the jobs in cgroups below, which the cgroup contains
    drawn_ns: int | None = None
    unlisted_processes: int = 0  # that are not in `processes`: another node's smaller ones

    @property
    def process_count(self) -> int:
        return len(self.processes) + self.unlisted_processes

    @property
    def held_bytes(self) -> int:
        """What the kernel cannot drop: of the whole cgroup where that is the job's alone."""
        return held_bytes(self.cgroup, self.usage, alone=self.alone)

    @property
    def charged_usage(self) -> Usage:
        """`usage`, with no more shared memory than the cgroup is charged for."""
        return charged_usage(self.cgroup, self.usage)

    @property
    def counted_contents(self) -> CgroupContents | None:
        """The contents of its cgroup, where `held_bytes` is theirs."""
        return counted_contents(self.cgroup, alone=self.alone)

    @property
    def kernel_bytes(self) -> int | None:
        """Kernel memory of the whole cgroup that cannot be dropped; None if not known."""
        return kernel_bytes(self.cgroup)

    @property
    def room_bytes(self) -> int | None:
        """What can still be held below the tightest limit; None where there is none."""
        return room_bytes(self.cgroup, self.group_usage)

    @property
    def shared_limit(self) -> SharedLimit | None:
        """The nearest limit that other cgroups count towards, where it may be the nearest."""
        return shared_limit(self.cgroup)

    @property
    def other_jobs(self) -> int:
        """How many other running jobs share `shared_limit`."""
        shared = self.shared_limit
        return 0 if shared is None else max(0, self.jobs_below.get(shared.cgroup_id, 0) - 1)

    @property
    def nearest_room_bytes(self) -> int | None:
        """The room below its own limit or one it shares, whichever is less."""
        return nearest_room_bytes(self.cgroup, self.group_usage)

    @property
    def used_share(self) -> float | None:
        """What cannot be dropped as a share of the limit, 0..1; None without a limit.

        The charge says less: page cache fills it up to the limit in healthy jobs.
        """
        limit, room = self.cgroup.limit_bytes, self.room_bytes
        return None if not limit or room is None else 1 - room / limit

    @property
    def seconds_to_limit(self) -> float | None:
        """At the rate of its steady climb: see `Trend`."""
        return self.trend.seconds_to_limit

    @property
    def limit_share(self) -> float | None:
        """Charge as a share of the limit, 0..1, or None without a limit."""
        limit = self.cgroup.limit_bytes
        return None if not limit else self.cgroup.charge_bytes / limit


class SelfCost(NamedTuple):
    """What ebpftrace itself uses."""

    cpu_ns: int = 0  # of this process, since it started
    cpu_share: float = 0.0  # of one CPU, since the last snapshot
    rss_bytes: int = 0
    bpf_run_ns: int | None = None  # None: the kernel does not count (kernel.bpf_stats_enabled)
    lag_ns: int = 0  # how late this snapshot was taken
    drift_bytes: int = 0  # what reading exactly corrected in this snapshot, summed


class Node(NamedTuple):
    """The machine's memory, as /proc/meminfo has it; or that of all nodes together."""

    total_bytes: int
    available_bytes: int  # what new programs can take without swapping
    nodes: int | None = None  # None: this machine


class Snapshot(NamedTuple):
    """All jobs and processes at one moment. `losses` counts what was missed.

    `jobs` are those with a tracked process and those whose last one ended within a minute;
    in the `final` snapshot all that are remembered.
    """

    sequence: int
    time_ns: int
    monotonic_ns: int
    elapsed_ns: int  # since the watch began
    watching: str  # what is watched, in words: "comm gopls"
    jobs: tuple[JobSnapshot, ...] = ()  # largest first
    usage: Usage = Usage()
    losses: Mapping[str, int] = MappingProxyType({})
    cost: SelfCost = SelfCost()
    final: bool = False
    node: Node | None = None  # None: not read, or not to be had
    node_oom_kills: int = 0  # of the whole machine, watched or not, since the watch began
    forgotten_jobs: int = 0  # ended, and dropped from memory
    waiting_for: str = ""  # what a view without jobs waits for; "": a process with `watching`

    @property
    def running_count(self) -> int:
        """Jobs with a tracked process."""
        return sum(job.state is JobState.RUNNING for job in self.jobs)

    @property
    def process_count(self) -> int:
        return sum(job.process_count for job in self.jobs)
