"""What the kernel programs need before they run: compiler flags, and contents of maps."""

import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ebpftrace.events import SharedTable
from ebpftrace.probe import calls
from ebpftrace.probe.fuses import MAX_STOPPED
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import Layout
from ebpftrace.probe.loading.objects import Objects
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.selection import Selection
from ebpftrace.units import PAGE_SIZE

MAX_PROCESSES = 8192
MAX_CGROUPS = 4096
MAX_RECLAIMING = 4096
MAX_QUOTAS = 8192  # cgroups with tracked processes, in them or below
RING_BYTES = 1 << 22
"""A ring bounds what waits in memory to be read; what does not fit is counted as lost."""

_BREACH_BYTES, _STOP_BYTES = 64, 112  # in the ring


def table_sizes(
    max_processes: int = MAX_PROCESSES, max_cgroups: int = MAX_CGROUPS
) -> Mapping[SharedTable, int]:
    """Entries of the tables that the kernel side divides among the jobs."""
    return {
        SharedTable.PROCESSES: max_processes,
        SharedTable.CGROUPS: max_cgroups,
        SharedTable.LINEAGE: max_processes,
        SharedTable.RECLAIM: MAX_RECLAIMING,
        SharedTable.STOPPED: MAX_STOPPED,
    }


TABLE_SIZES = MappingProxyType(table_sizes())

_RESIZED = {
    "processes": SharedTable.PROCESSES,
    "process_mm": SharedTable.PROCESSES,
    "lineage": SharedTable.LINEAGE,
    "cgroups": SharedTable.CGROUPS,
}
"""The maps of what is tracked."""


def resized_tables(
    sizes: Mapping[SharedTable, int], processes: int
) -> Mapping[SharedTable, int]:
    """The sizes with room for so many processes, and as many cgroups for each as before."""
    before = sizes[SharedTable.PROCESSES]
    return {
        table: size * processes // before if table in _RESIZED.values() else size
        for table, size in sizes.items()
    }


def urgent_bytes(sizes: Mapping[SharedTable, int]) -> int:
    """Of the ring for breaches and stops.

    There is room for a breach of each process and of each cgroup, which is reported once for
    each bound that user space sets, and for all stops that there can be at a time, of which
    each job has a share (bpf/ring.h): so one job does not fill it, whatever it does.
    """
    breaches = sizes[SharedTable.PROCESSES] + sizes[SharedTable.CGROUPS]
    needed = breaches * _BREACH_BYTES + sizes[SharedTable.STOPPED] * _STOP_BYTES
    return 1 << (needed - 1).bit_length()


def quotas_for(processes: int) -> int:
    """Cgroups that may have entries: not fewer for fewer processes, since each has several."""
    return max(MAX_QUOTAS, processes)


def resized(objects: Objects, sizes: Mapping[SharedTable, int], urgent: int) -> Objects:
    """The same programs with other tables: they need not be compiled anew.

    `urgent` is the size of the ring for breaches and stops.
    """
    entries = {name: sizes[table] for name, table in _RESIZED.items()}
    entries |= {"quotas": quotas_for(sizes[SharedTable.PROCESSES]), "urgent": urgent}
    maps = {
        name: shape._replace(entries=entries.get(name, shape.entries))
        for name, shape in objects.maps.items()
    }
    return objects._replace(maps=maps)


def compiler_flags(
    layout: Layout,
    constants: Mapping[str, int],
    selection: Selection,
    *,
    glob_words: int,
    method: calls.CallTraceMethod | None,
    watermarks: bool,
    ring_bytes: int = RING_BYTES,
    sizes: Mapping[SharedTable, int] = TABLE_SIZES,
) -> tuple[str, ...]:
    """Flags for compiling bpf/.

    `constants` are the decoder's; `glob_words` is how many words the --comm globs take,
    `ring_bytes` a power of two of whole pages, and `sizes` are those of `table_sizes`.
    """
    flags = [
        *layout.flags,
        *(f"-D{name}={value}" for name, value in constants.items()),
        f"-DMAX_PROCESSES={sizes[SharedTable.PROCESSES]}",
        f"-DMAX_CGROUPS={sizes[SharedTable.CGROUPS]}",
        f"-DMAX_STOPPED={sizes[SharedTable.STOPPED]}",
        f"-DMAX_RECLAIMING={sizes[SharedTable.RECLAIM]}",
        f"-DMAX_QUOTAS={MAX_QUOTAS}",
        f"-DWATCHED_CGROUPS={_at_least(64, len(selection.cgroups))}",
        f"-DRING_PAGES={ring_bytes // PAGE_SIZE}",
        f"-DRING_BYTES={ring_bytes}",
        "-DURGENT_PAGES=1",  # see `resized`
    ]
    if glob_words:
        flags += ("-DSELECT_COMM", f"-DGLOB_WORDS={glob_words}")
    if selection.cgroups:
        flags.append("-DSELECT_CGROUP")
    if selection.pids:
        flags.append("-DSELECT_PID")
    if selection.children:
        flags.append("-DFOLLOW_CHILDREN")
    if method is not None:
        flags.append(f"-DMAPPING_CALLS={method:d}")
    if watermarks:
        flags.append("-DWATERMARKS")
    return tuple(flags)


def fill_maps(
    programs: Programs,
    *,
    cpu_offsets: Iterable[int],
    globs: bytes,
    cgroup_ids: Iterable[int],
    pids: Iterable[int],
    self_pid: int,
    sizes: Mapping[SharedTable, int] = TABLE_SIZES,
    max_quotas: int = MAX_QUOTAS,
) -> None:
    """Fill in what is watched, the watcher itself, offsets of CPUs, and sizes of tables."""
    fd = programs.map_fd("table_sizes")
    for table, size in enumerate((*sizes.values(), max_quotas)):  # enum table of types.h
        bpf.update(fd, struct.pack("=I", table), struct.pack("=q", size))
    bpf.update(programs.map_fd("self_tgid"), bytes(4), struct.pack("=I", self_pid))
    fd = programs.map_fd("cpu_offsets")
    for cpu, offset in enumerate(cpu_offsets):
        bpf.update(fd, struct.pack("=I", cpu), struct.pack("=Q", offset))
    if globs:
        bpf.update(programs.map_fd("globs"), bytes(4), globs)
    for cgroup_id in cgroup_ids:
        bpf.update(programs.map_fd("watched_cgroups"), struct.pack("=Q", cgroup_id), b"\1")
    for pid in pids:
        bpf.update(programs.map_fd("watched_pids"), struct.pack("=I", pid), b"\1")


def _at_least(least: int, entries: int) -> int:
    """Entries of a map: a power of two, so that few different programs are compiled."""
    return max(least, 1 << (entries - 1).bit_length())
