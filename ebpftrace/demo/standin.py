"""A stand-in for gopls that uses memory as its first argument says.

Run by path under the name gopls, by an interpreter without site-packages: it imports
nothing but the standard library.
"""

import mmap
import sys
import time
from collections.abc import Callable

_CHUNK_BYTES = 4 << 20

Heap = list[mmap.mmap]


def grow(heap: Heap) -> None:
    """Map one more chunk and touch each of its pages."""
    chunk = mmap.mmap(-1, _CHUNK_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    chunk[:: mmap.PAGESIZE] = b"\1" * (_CHUNK_BYTES // mmap.PAGESIZE)
    heap.append(chunk)


def shrink(heap: Heap, chunks: int) -> None:
    """Free all but so many chunks."""
    while len(heap) > chunks:
        heap.pop().close()


def steady(heap: Heap) -> None:
    """100 MiB, at once, then nothing."""
    while len(heap) < 25:
        grow(heap)
    time.sleep(1)


def sawtooth(heap: Heap) -> None:
    """From 60 MiB to 140 MiB in 4 s, then down again, as a collector does."""
    grow(heap)
    if len(heap) >= 35:
        shrink(heap, 15)
    time.sleep(0.2)


def leak(heap: Heap) -> None:
    """12 MiB a second, never freed."""
    grow(heap)
    time.sleep(1 / 3)


STEPS: dict[str, Callable[[Heap], None]] = {
    "steady": steady,
    "sawtooth": sawtooth,
    "leak": leak,
}


def main() -> None:
    step = STEPS[sys.argv[1]]
    heap: Heap = []
    while True:
        step(heap)


if __name__ == "__main__":
    main()
