"""What the kernel programs need before they run: compiler flags, and contents of maps."""

import struct
from collections.abc import Iterable, Mapping

from ebpftrace.probe import calls
from ebpftrace.probe.fuses import MAX_STOPPED
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.layout import Layout
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.selection import Selection
from ebpftrace.units import PAGE_SIZE

MAX_PROCESSES = 8192
MAX_CGROUPS = 4096
RING_BYTES = 1 << 22
URGENT_BYTES = 1 << 18
"""The rings bound what waits in memory to be read; what does not fit is counted as lost."""
SHARES = 2
"""A cgroup's records may take this part of the ring before user space has read on."""


def compiler_flags(
    layout: Layout,
    constants: Mapping[str, int],
    selection: Selection,
    *,
    glob_words: int,
    method: calls.CallTraceMethod | None,
    watermarks: bool,
    ring_bytes: int = RING_BYTES,
    max_processes: int = MAX_PROCESSES,
) -> tuple[str, ...]:
    """Flags for compiling bpf/.

    `constants` are the decoder's; `glob_words` is how many words the --comm globs take, and
    `ring_bytes` a power of two of whole pages.
    """
    flags = [
        *layout.flags,
        *(f"-D{name}={value}" for name, value in constants.items()),
        f"-DMAX_PROCESSES={max_processes}",
        f"-DMAX_CGROUPS={MAX_CGROUPS}",
        f"-DMAX_STOPPED={MAX_STOPPED}",
        f"-DWATCHED_CGROUPS={_at_least(64, len(selection.cgroups))}",
        f"-DRING_PAGES={ring_bytes // PAGE_SIZE}",
        f"-DRING_SHARE={ring_bytes // SHARES}",
        f"-DURGENT_PAGES={min(URGENT_BYTES, ring_bytes) // PAGE_SIZE}",
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
) -> None:
    """Fill in what is watched, the watcher itself, and each CPU's per-CPU offset."""
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
