"""The check-up of this node, all parts of it."""

from collections.abc import Iterator, Sequence

from ebpftrace.doctor.check import CheckResult
from ebpftrace.doctor.gopls.caches import check_caches
from ebpftrace.doctor.gopls.daemons import gopls_daemons
from ebpftrace.doctor.gopls.left_behind import (
    check_left_behind,
    left_behind,
    remove,
    temporary_folders,
)
from ebpftrace.doctor.gopls.own_help import flags_without_effect
from ebpftrace.doctor.gopls.processes import running_gopls
from ebpftrace.doctor.gopls.running import check_gopls
from ebpftrace.doctor.gopls.sharing import check_sharing
from ebpftrace.doctor.node.jobs import check_jobs, running_jobs
from ebpftrace.doctor.node.kernel import check_kernel
from ebpftrace.doctor.node.memory import check_memory
from ebpftrace.doctor.node.oom_daemons import check_daemons, running_daemons
from ebpftrace.errors import EbpftraceError
from ebpftrace.host import meminfo
from ebpftrace.host.mounts import MemoryHierarchy, memory_hierarchy


def check_node(comms: Sequence[str], *, fix: bool) -> Iterator[CheckResult]:
    """Everything that is known of it. Nothing is attached or left loaded.

    `comms` are globs for the names of processes that may be gopls. With `fix` what ended ones
    left is removed; nothing else is changed.
    """
    yield from check_kernel()
    yield from check_memory()
    try:
        machine_bytes, _ = meminfo.read()
        hierarchy = memory_hierarchy()
        jobs = running_jobs(hierarchy)
    except (EbpftraceError, OSError, KeyError):
        return  # the check of memory says so
    yield from check_jobs(jobs, machine_bytes)
    processes = running_gopls(hierarchy, comms)
    yield from check_gopls(processes, flags_without_effect)
    yield from check_caches(processes)
    yield from check_sharing(gopls_daemons(processes, hierarchy))
    yield from _left_behind(hierarchy, fix=fix)
    limits = [each.limit_bytes for each in jobs if each.limit_bytes]
    daemons = running_daemons(machine_bytes)
    yield from check_daemons(daemons, machine_bytes, max(limits, default=None))


def _left_behind(hierarchy: MemoryHierarchy, *, fix: bool) -> Iterator[CheckResult]:
    def users() -> frozenset[int]:
        return frozenset(each.user for each in running_gopls(hierarchy, ("*",)))

    found = left_behind(temporary_folders(), users)
    yield from check_left_behind(found, remove(found) if fix else [])
