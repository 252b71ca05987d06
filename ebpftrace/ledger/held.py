"""What a job holds that the kernel cannot drop, and how much more fits below its limit."""

from dataclasses import replace

from ebpftrace.counters import CgroupContents, CgroupCounters, Usage

_KERNEL_PART = 4


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
    """Kernel memory in the charge that cannot be dropped; None where it is not known.

    On v1 nothing says how much of it the kernel could drop, so all of it counts.
    """
    contents = cgroup.contents
    if contents is None or contents.kernel_bytes is None:
        return cgroup.kernel_bytes
    return max(0, contents.kernel_bytes - contents.reclaimable_bytes)


def held_bytes(cgroup: CgroupCounters, usage: Usage, *, alone: bool) -> int:
    """`usage` is that of the job's tracked processes."""
    contents = counted_contents(cgroup, alone=alone)
    if contents is None:
        return charged_usage(cgroup, usage).held_bytes
    kernel = kernel_bytes(cgroup) or 0
    anon = contents.anon_bytes - contents.lazy_bytes
    return anon + contents.shmem_bytes + usage.swap_bytes + kernel


def room_bytes(cgroup: CgroupCounters, group_usage: Usage) -> int | None:
    """Until the tightest limit is reached; None where there is none.

    Page cache counts as room, and so does what was freed lazily and slab that can be
    reclaimed: the kernel takes them before it kills a process. The charge is
    read before the contents, and cache that is dropped in between is in neither: it is what
    is left of the charge beside all that is known. Where kernel memory is not known, a
    quarter of the limit may be the kernel's. Where the cgroup's contents were not read,
    whatever its tracked processes (`group_usage`) do not hold is taken for cache; with
    untracked processes the limit is reached earlier.
    """
    headroom = cgroup.headroom_bytes
    if headroom is None:
        return None
    contents, kernel = cgroup.contents, kernel_bytes(cgroup)
    if contents is not None:
        if kernel is None:
            kernel = (cgroup.limit_bytes or cgroup.charge_bytes) // _KERNEL_PART
        droppable = contents.cache_bytes + contents.reclaimable_bytes + contents.lazy_bytes
        kept = contents.anon_bytes - contents.lazy_bytes + contents.shmem_bytes
        known = kept + droppable
        return headroom + droppable + max(0, cgroup.charge_bytes - known - kernel)
    held = group_usage.anon_bytes + group_usage.shmem_bytes  # swap is not in the charge
    return headroom + max(0, cgroup.charge_bytes - held - (kernel or 0))
