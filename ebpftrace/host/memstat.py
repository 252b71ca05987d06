"""What a memory cgroup's charge consists of: its memory.stat, v1 and v2.

Source: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
"""

from collections.abc import Mapping
from pathlib import Path

from ebpftrace.counters import CgroupContents

_KERNEL = b"slab", b"kernel_stack", b"pagetables", b"percpu", b"vmalloc"
"""The parts of `kernel`, a line of v2 since 5.18 (a8c49af3be5f "memcg: add per-memcg total
kernel memory stat"); before, pipe buffers were in no line."""

_FILE_LISTS = b"inactive_file", b"active_file"
_REFAULTS = (b"workingset_refault_anon", b"workingset_refault_file")


def read_contents(folder: Path) -> CgroupContents | None:
    """The contents of the cgroup and those below, or None if there is no such file.

    On v1 the `total_` lines count the cgroups below as well, as v2's lines always do.
    `cache_bytes` excludes shmem: the kernel counts it as cache, but cannot drop it.
    `lazy_bytes` is the most that may have been freed lazily.
    """
    try:
        raw = (folder / "memory.stat").read_bytes()
    except OSError:
        return None
    values = {
        name: int(value)
        for name, _, value in (line.partition(b" ") for line in raw.splitlines())
        if value.isdigit()
    }
    v1 = b"total_rss" in values
    total = b"total_" if v1 else b""
    shmem = values.get(total + b"shmem", 0)
    cache = values.get(b"total_cache" if v1 else b"file", 0)
    anon = values.get(b"total_rss" if v1 else b"anon", 0)
    # See host/lazy_free.py: anon pages on the lists of file pages.
    listed = sum(values.get(total + name, 0) for name in _FILE_LISTS)
    return CgroupContents(
        anon_bytes=anon,
        shmem_bytes=shmem,
        cache_bytes=max(0, cache - shmem),
        refaults=sum(values.get(total + name, 0) for name in _REFAULTS),
        major_faults=values.get(total + b"pgmajfault", 0),
        kernel_bytes=None if v1 else _kernel_bytes(values),
        reclaimable_bytes=0 if v1 else values.get(b"slab_reclaimable", 0),
        lazy_bytes=max(0, min(anon, listed - max(0, cache - shmem))),
    )


def _kernel_bytes(values: Mapping[bytes, int]) -> int:
    """Of cgroup v2; socket buffers (`sock`) are counted beside the rest."""
    kernel = values.get(b"kernel")
    if kernel is None:
        kernel = sum(values.get(name, 0) for name in _KERNEL)
    return kernel + values.get(b"sock", 0)
