"""Which watched process accounts for what was judged of a job, and what none of them does.

A finding may judge the whole cgroup, in which processes run that are not watched, and files
of a tmpfs that no process holds. Sizes are bytes, times CLOCK_MONOTONIC nanoseconds.
"""

from typing import NamedTuple

from ebpftrace.ledger import JobSnapshot, ProcessSnapshot, ProcessState
from ebpftrace.ledger.curve import LONGEST_NS, floor_at
from ebpftrace.units import MIB, format_bytes

NAMED_SHARE = 2 / 3
"""A process is named in a finding about its job if it accounts for so much of it."""

ALONE_SHARE = 0.9
"""With so much of it, the finding is said of the process itself."""

_NOTED_SHARE = 1 / 3  # a part of the job that no watched process has is mentioned from here on
_LEAST_NOTED_BYTES = 4 * MIB  # memory.stat lags behind the counters of the processes
_SINGULAR = (["tmpfs"], ["kernel memory"])
_BOTH_SHARE = 0.2  # the smaller of two kinds is mentioned as well


class Attribution(NamedTuple):
    """A process, and the part of `whole_bytes` that its own counters show."""

    process: ProcessSnapshot
    part_bytes: int
    whole_bytes: int
    gained: bool  # the part was gained; otherwise it is held

    @property
    def is_alone(self) -> bool:
        """Whether the rest is so small that the process can stand for its job."""
        return self.part_bytes >= ALONE_SHARE * self.whole_bytes

    @property
    def words(self) -> str:
        """`gopls 4711 gained 220 MiB of it`."""
        verb = "gained" if self.gained else "holds"
        name = f"{self.process.comm} {self.process.pid}"
        return f"{name} {verb} {_size(self.part_bytes)} of it"


def attribute(job: JobSnapshot, gained_since_ns: int | None) -> Attribution | None:
    """The only process with two thirds of what was judged; None if there is none.

    `gained_since_ns` is since when the gain was judged; None if what is held was.
    """
    if gained_since_ns is not None:
        whole = job_gain(job, gained_since_ns)
        if whole > 0:
            parts = [
                (process_gain(it, gained_since_ns) - _lazy(job, it), it) for it in job.processes
            ]
            return _only(parts, whole, gained=True)
    parts = [(it.own.held_bytes - _lazy(job, it), it) for it in job.processes]
    return _only(parts, job.held_bytes, gained=False)


def _lazy(job: JobSnapshot, process: ProcessSnapshot) -> int:
    """What a process freed lazily is in its counters, but not in what is judged of the job."""
    contents = job.cgroup.contents
    return 0 if contents is None else contents.most_lazy_bytes(process.pid)


def _only(
    parts: list[tuple[int, ProcessSnapshot]], whole: int, *, gained: bool
) -> Attribution | None:
    """Several have two thirds of it where they share memory: then none stands out."""
    large = [(part, it) for part, it in parts if part > 0 and part >= NAMED_SHARE * whole]
    if len(large) != 1:
        return None
    part, process = large[0]
    return Attribution(process, part, whole, gained)


def job_gain(job: JobSnapshot, since_ns: int) -> int:
    """What was gained of what is judged of the job.

    The gain of a job that began later is that since its first snapshot, or that of its
    processes since they started.
    """
    before = floor_at(job.held_curve, since_ns)
    if before is not None:
        return job.held_bytes - before
    _, buckets = job.held_curve.buckets(LONGEST_NS)
    began = job.held_bytes - buckets[0][0] if buckets else 0
    return max(began, job.growth.bytes_60s)


def process_gain(process: ProcessSnapshot, since_ns: int) -> int:
    """What a process gained; one that started later has gained all since its start."""
    before = floor_at(process.curve, since_ns)
    return process.growth.bytes_total if before is None else process.own.held_bytes - before


class Unattributed(NamedTuple):
    """What a job holds that its watched processes do not show, by kind."""

    anon_bytes: int
    shmem_bytes: int
    held_bytes: int  # of the whole job
    has_forks: bool  # a page that a fork has copied is in no counter of a process
    kernel_bytes: int = 0  # the kernel counts its own memory by cgroup, not by process
    below_bytes: int = 0  # of watched processes of other jobs, in cgroups below

    @property
    def bytes(self) -> int:
        return self.anon_bytes + self.shmem_bytes + self.kernel_bytes + self.below_bytes

    @property
    def is_noted(self) -> bool:
        """Whether it is so much that a finding about the job mentions it."""
        return self.bytes >= max(_LEAST_NOTED_BYTES, _NOTED_SHARE * self.held_bytes)

    def words(self, *, past: bool = False) -> str:
        """`processes that are not watched hold 155 of 220 MiB`; `past`: they held it."""
        holders = []
        if self.below_bytes >= _BOTH_SHARE * self.bytes:
            holders.append("jobs in cgroups below")
        if self.shmem_bytes >= _BOTH_SHARE * self.bytes:
            holders.append("tmpfs")
        if self.kernel_bytes >= _BOTH_SHARE * self.bytes:
            holders.append("kernel memory")
        if self.anon_bytes >= _BOTH_SHARE * self.bytes:
            if self.has_forks:
                holders.append("pages copied after a fork")
            holders.append("processes that are not watched")
        verb = "held" if past else "holds" if holders in _SINGULAR else "hold"
        return f"{' or '.join(holders)} {verb} {_part(self.bytes, self.held_bytes)}"


def unattributed(job: JobSnapshot) -> Unattributed:
    """Nothing, where only the watched processes of the job count."""
    contents = job.counted_contents
    anon = shmem = kernel = below = 0
    if contents is not None:
        known, deeper = job.usage, job.usage_below
        kernel = job.kernel_bytes or 0
        # What watched processes freed lazily is in both; what others did, in neither.
        lazy = contents.lazy_bytes
        lazy -= min(lazy, sum(_lazy(job, process) for process in job.processes))
        rest = max(0, contents.anon_bytes - lazy - known.anon_bytes)
        below = min(deeper.anon_bytes, rest)
        anon = rest - below
        shared = min(deeper.shmem_bytes, max(0, contents.shmem_bytes - known.shmem_bytes))
        shmem = max(0, contents.shmem_bytes - known.shmem_bytes - shared)
        below += shared
    forks = any(process.state is ProcessState.FORKED for process in job.processes)
    return Unattributed(anon, shmem, job.held_bytes, forks, kernel, below)


def _part(part: int, whole: int) -> str:
    """`155 of 220 MiB`, `155 MiB of 1.2 GiB`."""
    (size, unit), of = _size(part).split(" "), _size(whole)
    return f"{size} of {of}" if of.endswith(f" {unit}") else f"{size} {unit} of {of}"


def _size(number: int) -> str:
    return format_bytes(number).replace(".0 ", " ")
