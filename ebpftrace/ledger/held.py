"""How much memory a job holds that the kernel cannot drop."""

from ebpftrace.ledger.snapshot import JobSnapshot


def held_bytes(job: JobSnapshot) -> int:
    """What a job holds and the kernel cannot drop: all of its cgroup where that is read."""
    contents = job.cgroup.contents if job.cgroup.limit_bytes else None
    if contents is None:
        return job.usage.held_bytes
    return contents.anon_bytes + contents.shmem_bytes + job.usage.swap_bytes
