"""The stand-in's use of memory, booked by the kernel."""

import mmap
from pathlib import Path

from ebpftrace.demo import standin


def anon_bytes() -> int:
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no Anonymous line in smaps_rollup")


def test_growing_touches_every_page_and_shrinking_frees_them() -> None:
    heap: list[mmap.mmap] = []
    before = anon_bytes()
    for _ in range(8):
        standin.grow(heap)
    grown = anon_bytes()
    assert grown - before >= 32 << 20
    standin.shrink(heap, 1)
    assert len(heap) == 1
    assert grown - anon_bytes() >= (28 << 20) - (1 << 20)
    standin.shrink(heap, 0)
