"""A ledger with short methods for the events that a kernel would report."""

from typing import Any

from ebpftrace.counters import CgroupCounters, CgroupPressure, ProcessCounters, Usage
from ebpftrace.events import (
    CgroupGone,
    CgroupMade,
    CgroupPressed,
    CgroupRead,
    LossesRead,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessMoved,
    ProcessRead,
    ProcessRenamed,
    ProcessStarted,
    StartCause,
)
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, JobState, Ledger, Note, SelfCost, Snapshot
from ebpftrace.ledger.clock import Clock
from ebpftrace.units import MIB, NS_PER_SECOND

BEGAN_NS = 10_000 * NS_PER_SECOND
UNIX_NS = 1_700_000_000 * NS_PER_SECOND


def key(pid: int) -> ProcessKey:
    return ProcessKey(pid, pid * NS_PER_SECOND)


def identity(name: str = "build", cgroup_id: int = 7) -> JobIdentity:
    """A CI job: its name tells it apart from others in the same cgroup."""
    return JobIdentity(
        key=f"{cgroup_id}:github:{name}",
        name=name,
        kind="github",
        identified_by="GITHUB_RUN_ID of pid 1",
        cgroup=f"/ci/{cgroup_id}",
        cgroup_id=cgroup_id,
    )


def held(mib: float, *, inherited: float = 0, peak: float | None = None) -> ProcessCounters:
    """Counters of a process that holds this much anonymous memory, MiB."""
    return ProcessCounters(
        usage=Usage(anon_bytes=int(mib * MIB)),
        inherited=Usage(anon_bytes=int(inherited * MIB)),
        peak_bytes=int((mib if peak is None else peak) * MIB),
    )


class ScriptedLedger:
    """Events at `at` seconds since the watch began; the clock is Unix time + 10,000 s."""

    def __init__(self) -> None:
        self.at = 0.0
        self.ledger = Ledger(Clock(UNIX_NS, UNIX_NS), watching="comm gopls", began_ns=BEGAN_NS)

    @property
    def now_ns(self) -> int:
        return BEGAN_NS + round(self.at * NS_PER_SECOND)

    def start(
        self,
        pid: int,
        mib: float = 0,
        job: JobIdentity | None = None,
        *,
        how: StartCause = StartCause.EXEC,
        comm: str = "gopls",
        counters: ProcessCounters | None = None,
        role: str = "",
    ) -> None:
        job = job or identity()
        self.ledger.apply(
            ProcessStarted(
                time_ns=self.now_ns,
                key=key(pid),
                parent_pid=1,
                how=how,
                comm=comm,
                cgroup_id=job.cgroup_id,
                program=f"/usr/bin/{comm}",
                args=(comm, "serve"),
                counters=counters or held(mib),
                role=role,
            ),
            job,
        )

    def read(self, pid: int, mib: float = 0, counters: ProcessCounters | None = None) -> None:
        self.ledger.apply(ProcessRead(self.now_ns, key(pid), counters or held(mib)))

    def exit(
        self,
        pid: int,
        counters: ProcessCounters | None = None,
        *,
        code: int = 0,
        signal: int = 0,
        executed: bool = False,
        comm: str = "gopls",
    ) -> None:
        self.ledger.apply(
            ProcessExited(
                self.now_ns, key(pid), comm, code, signal, counters or held(0), executed
            )
        )

    def rename(self, pid: int, comm: str) -> None:
        self.ledger.apply(ProcessRenamed(self.now_ns, key(pid), comm))

    def move(self, pid: int, job: JobIdentity) -> None:
        self.ledger.apply(ProcessMoved(self.now_ns, key(pid), job.cgroup_id), job)

    def cgroup(self, cgroup_id: int = 7, **counters: Any) -> None:
        self.ledger.apply(CgroupRead(self.now_ns, cgroup_id, _cgroup(counters)))

    def pressed(self, pressure: CgroupPressure, cgroup_id: int = 7) -> tuple[Note, ...]:
        """What is reported of it."""
        self.ledger.apply(CgroupPressed(pressure.time_ns, cgroup_id, pressure))
        return self.notes()

    def cgroup_made(self, cgroup_id: int = 7) -> None:
        self.ledger.apply(CgroupMade(self.now_ns, cgroup_id, f"/ci/{cgroup_id}"))

    def cgroup_gone(self, cgroup_id: int = 7, **counters: int | None) -> None:
        path = f"/ci/{cgroup_id}"
        self.ledger.apply(CgroupGone(self.now_ns, cgroup_id, path, _cgroup(counters)))

    def oom(
        self,
        pid: int,
        job: JobIdentity | None = None,
        *,
        kernel_count: int | None = 1,
        tracked: bool = True,
    ) -> None:
        """A kill; `kernel_count` is the cgroup's own count, this kill included.

        None: the event comes without the cgroup's counters.
        """
        job = job or identity()
        self.ledger.apply(
            OomKilled(
                self.now_ns,
                key(pid),
                "gopls",
                job.cgroup_id,
                Usage(anon_bytes=190 * MIB),
                tracked,
                CgroupCounters()
                if kernel_count is None
                else CgroupCounters(limit_bytes=200 * MIB, oom_kills=kernel_count),
            ),
            job,
        )

    def losses(self, **counts: int) -> None:
        self.ledger.apply(LossesRead(self.now_ns, counts))

    def snapshot(self) -> Snapshot:
        now = self.now_ns
        return self.ledger.snapshot(now, UNIX_NS + now, cost=SelfCost())

    def running(self) -> tuple[JobSnapshot, ...]:
        """The jobs of a new snapshot that have a process."""
        return tuple(job for job in self.snapshot().jobs if job.state is JobState.RUNNING)

    def final(self) -> Snapshot:
        now = self.now_ns
        return self.ledger.final(now, UNIX_NS + now, cost=SelfCost())

    def job(self, name: str = "build") -> JobSnapshot:
        """The job of that name, at the end; it is there even if no process is."""
        (found,) = (one for one in self.final().jobs if one.identity.name == name)
        return found

    def notes(self) -> tuple[Note, ...]:
        return self.ledger.drain_notes()


def _cgroup(counters: dict[str, Any]) -> CgroupCounters:
    return CgroupCounters(**counters)
