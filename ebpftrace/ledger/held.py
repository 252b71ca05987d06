"""What a job holds that the kernel cannot drop, and how much more fits below its limit."""

from dataclasses import replace
from typing import NamedTuple

from ebpftrace.counters import CgroupContents, CgroupCounters, Usage
from ebpftrace.limits import own_level, shared_levels

_KERNEL_PART = 4  # of the limit may be the kernel's where its memory is not known
_LAG_PART = 64  # of the limit: how far memory.stat may be behind the charge


class SharedLimit(NamedTuple):
    """A limit that other cgroups count towards: what all of them cannot drop takes of it."""

    cgroup_id: int
    path: str
    limit_bytes: int
    room_bytes: int

    @property
    def used_share(self) -> float:
        """How much of it is taken, 0..1."""
        return 1 - self.room_bytes / self.limit_bytes

    @property
    def taken_bytes(self) -> int:
        return self.limit_bytes - self.room_bytes


def counted_contents(cgroup: CgroupCounters, *, alone: bool) -> CgroupContents | None:
    """The contents of the whole cgroup, where they count as the job's; else None.

    The tracked processes count alone where there is no limit (the cgroup may be the whole
    machine's, and no process is killed for what the others hold), and where the job is not
    `alone` in its cgroup, as CI runs on a bare runner are not.
    """
    return cgroup.contents if cgroup.limit_bytes and alone else None


def charged_usage(cgroup: CgroupCounters, usage: Usage) -> Usage:
    """The usage of processes, with no more shared memory than their cgroup is charged for.

    Each process that has mapped a file of /dev/shm counts it, the cgroup once; and a file
    that another cgroup is charged for, not at all.
    """
    contents = cgroup.contents
    if contents is None or usage.shmem_bytes <= contents.shmem_bytes:
        return usage
    return replace(usage, shmem_bytes=contents.shmem_bytes)


def kernel_bytes(cgroup: CgroupCounters) -> int | None:
    """Kernel memory in the charge that cannot be dropped; None where it is not known."""
    if cgroup.contents is None and cgroup.kernel_bytes is not None:
        return cgroup.kernel_bytes - (cgroup.droppable_bytes or 0)
    return _kernel(cgroup.contents, cgroup.kernel_bytes)


def held_bytes(cgroup: CgroupCounters, usage: Usage, *, alone: bool) -> int:
    """`usage` is that of the job's tracked processes."""
    contents = counted_contents(cgroup, alone=alone)
    if contents is None:
        return charged_usage(cgroup, usage).held_bytes
    kernel = kernel_bytes(cgroup) or 0
    anon = contents.anon_bytes - contents.lazy_bytes
    return anon + contents.shmem_bytes + usage.swap_bytes + kernel


def room_bytes(cgroup: CgroupCounters, group_usage: Usage) -> int | None:
    """Until the cgroup's own limit is reached; None where there is none.

    Page cache counts as room, and so does what was freed lazily and slab that can be
    reclaimed: the kernel takes them before it kills a process. The charge is read before the
    contents, and cache that is dropped in between is in neither: it is what is left of the
    charge beside all that is known. A 64th of the limit may be left since memory.stat lags
    behind, by some batches of pages a CPU; and where kernel memory is not known, a quarter
    may be the kernel's. Where the cgroup's contents were not read, whatever its tracked
    processes (`group_usage`) do not hold is taken for cache; with untracked processes the
    limit is reached earlier.
    """
    headroom = cgroup.headroom_bytes
    if headroom is None:
        return None
    level = own_level(cgroup)
    if level is not None and level.contents is not None:  # no limit is the cgroup's alone
        kernel = _kernel(level.contents, level.kernel_bytes)
        limit = level.limit_bytes or 0
        return headroom + _droppable(level.contents, level.charge_bytes, kernel, limit)
    contents, kernel = cgroup.contents, kernel_bytes(cgroup)
    charge = cgroup.charge_bytes
    if contents is not None:
        return headroom + _droppable(contents, charge, kernel, cgroup.limit_bytes or charge)
    held = group_usage.anon_bytes + group_usage.shmem_bytes  # swap is not in the charge
    return headroom + max(0, charge - held - (kernel or 0))


def shared_limit(cgroup: CgroupCounters) -> SharedLimit | None:
    """The nearest limit that others share, of those whose contents were read; None without.

    It may be farther away than the own limit.
    """
    found = [
        SharedLimit(
            level.cgroup_id, level.path, level.limit_bytes,
            level.headroom_bytes + _droppable(
                level.contents, level.charge_bytes,
                _kernel(level.contents, level.kernel_bytes), level.limit_bytes,
            ),
        )
        for level in shared_levels(cgroup)
        if level.limit_bytes and level.headroom_bytes is not None and level.contents is not None
    ]  # fmt: skip
    return min(found, key=lambda limit: limit.room_bytes, default=None)


def nearest_room_bytes(cgroup: CgroupCounters, group_usage: Usage) -> int | None:
    """The room below the own limit or a shared one, whichever is less; None without any."""
    own, shared = room_bytes(cgroup, group_usage), shared_limit(cgroup)
    if own is None or shared is None:
        return own
    return min(own, shared.room_bytes)


def taken_share(cgroup: CgroupCounters, group_usage: Usage) -> float:
    """How much of the nearest limit is taken by what cannot be dropped; 0 without one."""
    room, shared = room_bytes(cgroup, group_usage), shared_limit(cgroup)
    own = 1 - room / cgroup.limit_bytes if room is not None and cgroup.limit_bytes else 0.0
    return max(own, shared.used_share if shared else 0.0)


def _kernel(contents: CgroupContents | None, counted_bytes: int | None) -> int | None:
    """`counted_bytes` is the page counter of v1."""
    if contents is None:
        return counted_bytes
    total = counted_bytes if contents.kernel_bytes is None else contents.kernel_bytes
    return None if total is None else max(0, total - contents.reclaimable_bytes)


def _droppable(
    contents: CgroupContents, charge_bytes: int, kernel: int | None, limit_bytes: int
) -> int:
    """How much of a charge the kernel takes before it kills a process."""
    if kernel is None:
        kernel = limit_bytes // _KERNEL_PART
    else:
        kernel += limit_bytes // _LAG_PART
    droppable = contents.cache_bytes + contents.reclaimable_bytes + contents.lazy_bytes
    kept = contents.anon_bytes - contents.lazy_bytes + contents.shmem_bytes
    return droppable + max(0, charge_bytes - kept - droppable - kernel)
