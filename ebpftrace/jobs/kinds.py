"""Every kind that a job can be identified as."""

from collections.abc import Iterable

from ebpftrace.jobs import containers, fallback, kubernetes, systemd
from ebpftrace.jobs.ci import CI_SYSTEMS
from ebpftrace.jobs.ci.run import CiSystem


def job_kinds(systems: Iterable[CiSystem] = CI_SYSTEMS) -> tuple[str, ...]:
    """All values of `JobIdentity.kind`: those of the CI systems, then those of cgroup paths."""
    return (
        *(system.kind for system in systems),
        *kubernetes.KINDS,
        *containers.KINDS,
        *systemd.KINDS,
        *fallback.KINDS,
    )
