"""Structs of bpf/types.h as the kernel side would fill them in."""

import struct

NO_LIMIT = NOT_COUNTED = (1 << 64) - 1
CALLS = struct.pack("=15Qq", *range(15), 1)
"""`calls` of struct process."""


def process_struct(
    comm: bytes = b"gopls",
    *,
    forked: int = 0,
    how: int = 1,
    pid: int = 4711,
    mm: int = 0xFFFF0000,
    cgroup_id: int = 42,
    same_program: int = 0,
) -> bytes:
    """A `struct process` without optional fields, started at 77 ns."""
    pages, inherited = (1, 2, 3, 4), (1, 1, 0, 0)
    return struct.pack(
        "=4Q4I16s9q14Q14Q",
        mm, 77, 0xFFFF1111, cgroup_id, pid, 1, forked, how, comm, *pages, *inherited, 9,
        0, 100, 33, 1 << 20, (1 << 20) + 12345, 7, 5, 3, 2, 999, 1, 0, 0,
        same_program, *[0] * 14,
    )  # fmt: skip


def cgroup_struct(
    *levels: tuple[int, ...],
    events: tuple[int, int, int, int] = (NOT_COUNTED,) * 4,
    kernel: int = NOT_COUNTED,
    droppable: int = NOT_COUNTED,
    stuck: int = 0,
    processes: int = 1,
) -> bytes:
    """A `struct cgroup_counters` with a charge of 10 pages; `events` are those of v2.

    Each of the `levels`: id, how far above, charge, limit, high and kernel memory; of that
    nothing is known to be droppable.
    """
    words = [word for level in levels for word in (*level, NOT_COUNTED)]
    words += [0] * (28 - len(words))
    counts = (kernel, droppable, stuck, 3, 1, *events, 5, 2, len(levels))
    head = struct.pack("=16Q", 0, 10, 20, NO_LIMIT, *counts)
    path, blank = [0] * 9, 0
    return head + struct.pack("=28Q12Q", *words, *path, processes, blank, 0)
