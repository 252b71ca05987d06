"""Structs of bpf/types.h as the kernel side would fill them in."""

import struct

NO_LIMIT = NOT_COUNTED = (1 << 64) - 1
CALLS = struct.pack("=15Q", *range(15))
"""`calls` of struct process."""


def process_struct(
    comm: bytes = b"gopls",
    *,
    forked: int = 0,
    how: int = 1,
    pid: int = 4711,
    mm: int = 0xFFFF0000,
    cgroup_id: int = 42,
) -> bytes:
    """A `struct process` without optional fields, started at 77 ns."""
    pages, inherited = (1, 2, 3, 4), (1, 1, 0, 0)
    return struct.pack(
        "=4Q4I16s9q12Q",
        mm, 77, 0xFFFF1111, cgroup_id, pid, 1, forked, how, comm, *pages, *inherited, 9,
        0, 50, 100, 33, 1 << 20, (1 << 20) + 12345, 7, 5, 3, 2, 999, 1,
    )  # fmt: skip


def cgroup_struct(
    limits: tuple[int, int, int] = (NO_LIMIT,) * 3,
    events: tuple[int, int, int, int] = (NOT_COUNTED,) * 4,
    kernel: int = NOT_COUNTED,
    stuck: int = 0,
) -> bytes:
    """A `struct cgroup_counters`: `limits` are limit, headroom and high, `events` of v2."""
    return struct.pack("=16Q", 0, 10, 20, *limits, kernel, stuck, 3, 1, *events, 5, 2)
