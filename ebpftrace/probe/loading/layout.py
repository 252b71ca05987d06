"""The running kernel's layout as compiler constants, and what it can do.

Features are looked up in BTF, never guessed from a version: distributions backport new
layouts to old kernels.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from ebpftrace.architecture import HERE
from ebpftrace.errors import NoBtfError, ProbeError
from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.loops import iterator_calls
from ebpftrace.probe.loading.percpu import cpu_offsets, possible_cpus
from ebpftrace.probe.loading.reads import direct_reads
from ebpftrace.probe.loading.sources import read_source
from ebpftrace.units import PAGE_SIZE


def whole_pages(size: int) -> int:
    """Bytes as pages, rounded up."""
    return -(-size // PAGE_SIZE)


MAX_SPLIT_THREADS = 256
"""Threads of a process whose separate page counts a reading adds, up to Linux 6.1."""

_FIELD = re.compile(r"AT\((?<!define AT\()(?<!\wAT\()(\w+), (\w+)\)")
"""A field whose offset the C asks for: AT(task_struct, tgid). It begins with the letters to
look for: with what must not stand before them, each start would take 2 ms for the search."""

_SPLIT = (
    "task_struct.rss_stat", "task_rss_stat.count", "task_struct.thread_node",
    "signal_struct.thread_head",
)  # fmt: skip
"""Where each thread keeps page counts of its own (SPLIT_RSS_COUNTING, up to 6.1)."""

_ENUMS = {
    "cgroup_subsys_id": {"memory_cgrp_id": "MEMORY_CGRP_ID"},
    "memcg_memory_event": {
        name: name
        for name in ("MEMCG_LOW", "MEMCG_HIGH", "MEMCG_MAX", "MEMCG_OOM", "MEMCG_OOM_KILL")
    },
}

_OPTIONAL_EVENTS = ("MEMCG_OOM_GROUP_KILL",)
"""Of enum memcg_memory_event, where the kernel has it."""

_V1_FIELDS = ("kmem", "under_oom", "oom_kill_disable")
"""Of struct mem_cgroup, where the kernel has cgroup v1 (CONFIG_MEMCG_V1 since 6.11)."""

_RECLAIMABLE = "NR_SLAB_RECLAIMABLE_B"
_RECLAIMABLE_AT = 5
"""Its place in enum node_stat_item, since 5.9, and among the counters that a cgroup keeps since
6.11 (ff48c71c26aa "memcg: reduce memory for the lruvec and memcg stats")."""

_ANCESTORS = ("ancestors", "ancestor_ids")
"""Of struct cgroup: the cgroups above it since 6.1, their ids before."""

_MEMBER_NAMES = ("MM_FILEPAGES", "MM_ANONPAGES", "MM_SWAPENTS", "MM_SHMEMPAGES")
_WORD_BYTES = 8  # of a register
_SIGNAL_GROUP_EXIT = 4  # include/linux/sched/signal.h; a macro, so not in BTF


class Layout(NamedTuple):
    """Constants for the compiler, the CPUs' offsets, and what the kernel offers."""

    flags: tuple[str, ...]
    offsets: tuple[int, ...]  # of each possible CPU's per-CPU memory
    iter_task_id: int  # BTF id of the task iterator
    iter_element_id: int  # and of that over a map
    mmap_lock: bool
    exact: bool  # a reading includes what CPUs or threads count separately
    events_lag: bool  # between readings counts lag, by up to 64 page faults a thread
    cpus: int  # whose parts of the counters each process has; 0: the kernel has none


def read_layout(
    btf: KernelTypes, *, by_helper: bool = False, cpus: int | None = None, more_cpus: int = 0
) -> Layout:
    """What the programs need to know of this kernel. NoBtfError names what is missing.

    With `by_helper` programs read with bpf_probe_read_kernel, and their loops are bounded ones,
    as on older kernels. With
    `cpus`, that of another machine, the layout is for its compiler flags only. With
    `more_cpus` it is as on a machine that could have so many more.
    """
    try:
        flags = {
            f"AT_{struct}_{field}": btf.offset(f"{struct}.{field}")
            for struct, field in _FIELD.findall(read_source())
        }
        for enum, wanted in _ENUMS.items():
            values = btf.enumerators(enum)
            flags |= {flag: values[name] for name, flag in wanted.items()}
            flags |= {name: values[name] for name in _OPTIONAL_EVENTS if name in values}
        # The members of rss_stat are an unnamed enum; their order is ABI to the tracepoint
        # (TRACE_MM_PAGES in include/trace/events/kmem.h), and has not changed since 4.5.
        flags |= {name: index for index, name in enumerate(_MEMBER_NAMES)}
        per_cpu = btf.field_type("mm_struct.rss_stat") == "percpu_counter"
        if per_cpu:
            flags["SIZE_RSS_MEMBER"] = btf.size("percpu_counter")
            flags["AT_RSS_COUNT"] = btf.offset("percpu_counter.count")
            flags["AT_percpu_counter_counters"] = btf.offset("percpu_counter.counters")
            flags["RSS_PERCPU"] = 1
        else:  # struct mm_rss_stat { atomic_long_t count[] }, up to 6.1
            flags["SIZE_RSS_MEMBER"] = 8
            flags["AT_RSS_COUNT"] = 0
        # Also up to 6.1, on kernels for four CPUs and more.
        split = btf.has("task_struct.rss_stat")
        if split:
            flags |= {f"AT_{path.replace('.', '_')}": btf.offset(path) for path in _SPLIT}
            flags["RSS_SPLIT"] = 1
            flags["MAX_SPLIT_THREADS"] = MAX_SPLIT_THREADS
        for field in _V1_FIELDS:
            if btf.has(f"mem_cgroup.{field}"):
                flags[f"AT_mem_cgroup_{field}"] = btf.offset(f"mem_cgroup.{field}")
        flags |= _slab_flags(btf)
        if not by_helper:
            flags |= direct_reads(btf, trial=cpus is None) | iterator_calls(btf)
        ancestors = next((at for at in _ANCESTORS if btf.has(f"cgroup.{at}")), _ANCESTORS[0])
        flags[f"AT_cgroup_{ancestors}"] = btf.offset(f"cgroup.{ancestors}")
        iter_task_id = btf.function_id("bpf_iter_task")
        iter_element_id = btf.function_id("bpf_iter_bpf_map_elem")
    except KeyError as error:
        raise NoBtfError(
            f"this kernel's types have no {error.args[0]}",
            why="it is older than 5.10, or built without memory cgroups",
            fix="use Linux 5.10 or newer with CONFIG_MEMCG=y",
        ) from None
    elsewhere = cpus is not None
    cpus = possible_cpus() + more_cpus if cpus is None else cpus
    offsets = _offsets(btf, cpus) if per_cpu and not elsewhere else (0,) * cpus
    lock_args = btf.tracepoint_args("mmap_lock_released")
    if lock_args is not None:
        flags["MMAP_LOCK_WRITE_ARG"] = lock_args.index("bool")
    if (btf.tracepoint_args("mark_victim") or [""])[0] == "task_struct*":
        flags["MARK_VICTIM_TASK"] = 1
    flags |= _register_flags(btf)
    flags |= {
        "PAGE_SIZE": PAGE_SIZE,
        "UNLIMITED_PAGES": (1 << 63) // PAGE_SIZE - 1,
        "CPUS": cpus,
        "SIGNAL_GROUP_EXIT": _SIGNAL_GROUP_EXIT,
    }
    return Layout(
        flags=tuple(f"-D{name}={value}ULL" for name, value in sorted(flags.items())),
        offsets=offsets,
        iter_task_id=iter_task_id,
        iter_element_id=iter_element_id,
        mmap_lock=lock_args is not None,
        exact=not per_cpu or any(offsets),
        events_lag=split,
        cpus=cpus if per_cpu else 0,
    )


def require_tracepoints(btf: KernelTypes, names: Iterable[str]) -> None:
    """ProbeError for the first of these raw tracepoints that the kernel does not have."""
    for name in names:
        if btf.tracepoint_args(name) is None:
            raise ProbeError(
                f"this kernel has no tracepoint {name}",
                why="without it memory cannot be attributed",
                fix="use Linux 5.10 or newer",
            )


def _offsets(btf: KernelTypes, cpus: int) -> tuple[int, ...]:
    try:
        return tuple(cpu_offsets(btf.offset("bpf_array.pptrs"), cpus))
    except OSError:
        return (0,) * cpus  # the layout is not exact then, which a remark reports


def _register_flags(btf: KernelTypes) -> dict[str, int]:
    """Where struct pt_regs has what a system call's function is passed, and what it returns.

    {} where that is not known, or if the types are of another architecture's kernel.
    """
    calls = HERE.calls
    if calls is None:
        return {}
    registers = {"FIRST": calls.first, "SECOND": calls.second, "RESULT": calls.result}
    if not all(btf.has(f"pt_regs.{register.field}") for register in registers.values()):
        return {}
    return {
        f"AT_{name}": btf.offset(f"pt_regs.{register.field}") + register.word * _WORD_BYTES
        for name, register in registers.items()
    }


def _slab_flags(btf: KernelTypes) -> dict[str, int]:
    """Where a cgroup's counters of slab are; {} where they are not known to be.

    Behind a pointer since 6.0, in a struct of their own since 5.13, in mem_cgroup before.
    """
    counters = btf.enumerators("node_stat_item")
    known = counters.get(_RECLAIMABLE) == _RECLAIMABLE_AT
    if not known or not btf.has("mem_cgroup.vmstats"):
        return {}
    flags = {_RECLAIMABLE: _RECLAIMABLE_AT}
    at = btf.offset("mem_cgroup.vmstats")
    if not btf.has("memcg_vmstats.state"):
        return flags | {"AT_mem_cgroup_vmstats": at}
    state = btf.offset("memcg_vmstats.state")
    if btf.field_type("mem_cgroup.vmstats") == "memcg_vmstats":
        return flags | {"AT_mem_cgroup_vmstats": at + state}
    return flags | {"AT_mem_cgroup_vmstats": at, "AT_memcg_vmstats_state": state}
