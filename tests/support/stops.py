"""A fuse's stops without a kernel: its events, and what is asked of the kernel side."""

import signal
from dataclasses import dataclass, field, replace

from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.counters import CgroupContents
from ebpftrace.errors import GoneError
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot
from ebpftrace.probe import AfterResumes
from ebpftrace.units import GIB, MIB
from tests.support.watches import MONOTONIC_NS, identity, job, process, snapshot

SIGSTOP = int(signal.SIGSTOP)
GROUP = identity().cgroup_id
POLICY = Policy("bursts", Match(comms=("gopls",)), (), Mode.ANY, (), fuse=Fuse(GIB, False))
GOPLS = process(resident=1200 * MIB)
SNAPSHOT = snapshot(job(processes=[GOPLS], limit=2 * GIB))
"""The process above its bound of 1 GiB."""
LEFT_BYTES = 848 * MIB
"""Of its limit, what is neither anonymous nor in use by the files of its processes."""


def no_refusal(_job: JobIdentity, _policy: Policy) -> str:
    """The budget is never spent."""
    return ""


def blown(stopped: ProcessSnapshot, **changes: object) -> FuseBlown:
    """The kernel stopped it for the sum of its job."""
    event = FuseBlown(
        MONOTONIC_NS, stopped.key, GROUP, FuseScope.JOB, 600 * MIB, GIB, GIB, SIGSTOP
    )
    return event._replace(**changes)  # type: ignore[arg-type]


@dataclass
class RecordedKernel:
    """A `FuseControl` and a `Holder`: `calls` are all calls of both, in order."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    gone: bool = False  # the process ends before it can be held
    weakness: str = ""
    resumed: AfterResumes | None = None  # of the last bound of a process

    def taken(self) -> list[tuple[object, ...]]:
        """The calls so far; they are forgotten."""
        taken, self.calls = self.calls, []
        return taken

    def arm_process(
        self,
        key: ProcessKey,
        own: int,
        charge: int,
        number: int,
        least: int = 0,
        resumed: AfterResumes = AfterResumes.KILL_NEAR_LIMIT,
    ) -> None:
        self.calls.append(("arm process", key.pid, own, charge, number))
        self.resumed = resumed

    def arm_group(self, cgroup_id: int, held: int, number: int, least: int = 0) -> None:
        self.calls.append(("arm group", cgroup_id, held, number))

    def clear_stop(self, key: ProcessKey) -> None:
        self.calls.append(("clear stop", key.pid))

    def hold(self, key: ProcessKey) -> str:
        if self.gone:
            raise GoneError("gone")
        self.calls.append(("hold", key.pid))
        return self.weakness

    def resume(self, key: ProcessKey) -> None:
        self.calls.append(("resume", key.pid))

    def release(self, key: ProcessKey) -> None:
        self.calls.append(("release", key.pid))


def full_job(gopls: ProcessSnapshot, mib: int) -> JobSnapshot:
    """A job of which `mib` of 2 GiB are taken, by whatever processes."""
    one = job(processes=[gopls], limit=2 * GIB)
    cgroup = one.cgroup._replace(
        charge_bytes=mib * MIB,
        headroom_bytes=2 * GIB - mib * MIB,
        contents=CgroupContents(anon_bytes=mib * MIB),
    )
    return replace(one, cgroup=cgroup)
