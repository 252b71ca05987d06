"""What each process has of what a finding judged, and what no watched process has of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ebpftrace.act.breaker.lazily_freed import lazily_freed
from ebpftrace.act.trigger.trigger import Firing, UsageSinceSnapshot
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.judge.attribution import Unattributed, job_gain, process_gain, unattributed
from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, ProcessState
from ebpftrace.units import MIB, NS_PER_SECOND

_SHORTEST_NS = 60 * NS_PER_SECOND
"""A gain is compared over so long at least: in less, noise is a large part of it."""

_LEAST_COPIED_BYTES = 4 * MIB  # memory.stat lags behind the counters of the processes
_MAX_READ = 64  # processes whose usage is read while the breach waits


@dataclass(frozen=True, slots=True)
class JudgedParts:
    """The parts of all watched processes of a job, and the whole, in bytes.

    The whole is what was judged: of the whole cgroup where that is the job's alone, so it
    may be more than the parts together; or less, where processes ended or share memory.
    """

    parts: Mapping[ProcessKey, int]
    judged_bytes: int
    gained: bool  # else what is held was judged
    rest: Unattributed

    @property
    def whole_bytes(self) -> int:
        """What a target's part is compared with."""
        return max(self.judged_bytes, self._known_bytes)

    @property
    def _known_bytes(self) -> int:
        return sum(max(0, part) for part in self.parts.values())

    def held_back(self, part_bytes: int) -> str:
        """Why ending processes with this part would not help; "" if it would."""
        others = self.rest.bytes
        if self.gained:  # what they gained cannot be more than what they hold
            others = min(others, self.judged_bytes - self._known_bytes)
        return self.rest.words() if others > part_bytes else ""


def judged_parts(job: JobSnapshot, firing: Firing, now_ns: int) -> JudgedParts:
    """The parts in a firing about a whole job; `now_ns` is the time of the snapshot."""
    since = firing.since_snapshot
    gains = _gains(job, since)
    held = since.job_held_bytes if since is not None else job.held_bytes
    now = since.job if since is not None and since.job is not None else job
    copied, rest = _copied(now, unattributed(now))
    freed = lazily_freed(job)
    if firing.finding.measures_gain:
        at_ns = min(firing.finding.since_ns, now_ns - _SHORTEST_NS)
        if job.counted_contents is not None:
            judged = job_gain(job, at_ns) + held - job.held_bytes
        else:
            judged = job.growth.bytes_60s + held - job.held_bytes
        if judged > 0:
            parts = {it.key: _gain(it, at_ns, now_ns) + gains.get(it.key, 0)
                     - freed.get(it.key, 0) for it in job.processes}  # fmt: skip
            uncounted = judged - sum(max(0, part) for part in parts.values())
            return JudgedParts(_with(parts, copied, uncounted), judged, True, rest)
    parts = {it.key: it.own.held_bytes + gains.get(it.key, 0) - freed.get(it.key, 0)
             for it in job.processes}  # fmt: skip
    return JudgedParts(_with(parts, copied, held), held, False, rest)


def _copied(
    job: JobSnapshot, rest: Unattributed
) -> tuple[Mapping[ProcessKey, int], Unattributed]:
    """What forked children have copied of their parent's pages, and what is then left.

    A copy replaces a page, so the child's counters do not change. The kernel walks the page
    tables of each child for it, so it is asked only where a copy may explain something.
    """
    copied: dict[ProcessKey, int] = {}
    if not rest.has_forks or rest.anon_bytes < _LEAST_COPIED_BYTES:
        return copied, rest
    forks = [process for process in job.processes if process.state is ProcessState.FORKED]
    for process in forks[:_MAX_READ]:
        private = proc.read_private_bytes(process.pid)
        if private is not None:
            own = process.own.anon_bytes + process.own.shmem_bytes
            copied[process.key] = max(0, private - own)
    unread = len(copied) < len(forks)
    left = max(0, rest.anon_bytes - sum(copied.values()))
    return copied, rest._replace(anon_bytes=left, has_forks=unread)


def _with(
    parts: Mapping[ProcessKey, int], copied: Mapping[ProcessKey, int], most_bytes: int
) -> Mapping[ProcessKey, int]:
    """The parts with what was copied, which is at most `most_bytes` together.

    Some of it may have been copied before a gain began.
    """
    total = sum(copied.values())
    share = min(1.0, max(0, most_bytes) / total) if total else 0.0
    return {key: part + round(share * copied.get(key, 0)) for key, part in parts.items()}


def _gain(process: ProcessSnapshot, at_ns: int, now_ns: int) -> int:
    if now_ns - at_ns <= _SHORTEST_NS:
        return process.growth.bytes_60s  # to a quarter of a second; a curve has whole ones
    return process_gain(process, at_ns)


def _gains(
    job: JobSnapshot, since_snapshot: UsageSinceSnapshot | None
) -> Mapping[ProcessKey, int]:
    """How much each process gained since the snapshot, in bytes.

    The kernel side names the process of the last page only, which need not be the one that
    gained most. If not all were read at the breach, the gain of each is read from /proc.
    """
    if since_snapshot is None:
        return {}
    if since_snapshot.job is not None:
        now = {it.key: it.own.held_bytes for it in since_snapshot.job.processes}
        return {it.key: now.get(it.key, 0) - it.own.held_bytes
                for it in job.processes}  # fmt: skip
    if len(job.processes) == 1:
        return {since_snapshot.process: since_snapshot.gained_bytes}
    gains = {}
    for process in job.processes[:_MAX_READ]:
        status, usage = proc.read_status(process.pid), process.counters.usage
        if status is not None:
            held = status.anon_bytes + status.shmem_bytes + status.swap_bytes
            gains[process.key] = held - usage.held_bytes
    return gains
