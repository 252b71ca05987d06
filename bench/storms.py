"""What one memory operation takes, for watched and for other processes."""

import contextlib
import subprocess
from collections.abc import Iterator

from bench.figures import Row, Table
from bench.observers import Observer, bpftrace_counting, ebpftrace, running, storm
from bench.scale import Scale

ALONE = "without ebpftrace"

TITLES = {
    "touch": "first touch of a page",
    "mmap": "mmap and munmap of 64 KiB",
    "brk": "brk up and down by 64 KiB",
    "getppid": "getppid, a system call that has nothing to do with memory",
}
"""What storm.c calls each storm, and what it is."""


def measure(scale: Scale) -> Iterator[Table]:
    """All storms under each observer in turn, round by round."""
    conditions = _conditions()
    samples: dict[tuple[str, str], list[float]] = {}
    for number in range(scale.storm_rounds):
        # Every other round backwards: no condition always follows the same other.
        for label, observer in conditions if number % 2 == 0 else conditions[::-1]:
            with running(observer) if observer else contextlib.nullcontext():
                for name, ns in one_storm(scale.storm_ms).items():
                    samples.setdefault((name, label), []).append(ns)
    for name, title in TITLES.items():
        rows = tuple(Row(label, tuple(samples[name, label])) for label, _ in conditions)
        yield Table(name, f"{title}, {scale.storm_rounds} rounds", "ns", rows, against=ALONE)


def _conditions() -> list[tuple[str, Observer | None]]:
    name = "storm-*"
    counting = bpftrace_counting("bpftrace counting kmem:rss_stat", seconds=1)
    observers = [
        ebpftrace("ebpftrace watching others", "--comm", "ebpftrace-bench"),
        ebpftrace("ebpftrace watching it", "--comm", name),
        ebpftrace("… others, with --mapping-calls", "--comm", "ebpftrace-bench",
                  "--mapping-calls"),
        ebpftrace("… it, with --mapping-calls", "--comm", name, "--mapping-calls"),
        *([counting] if counting else []),
    ]  # fmt: skip
    return [(ALONE, None), *((one.label, one) for one in observers)]


def one_storm(milliseconds: int) -> dict[str, float]:
    """Nanoseconds an operation, by the name of the storm; each for so much CPU time."""
    done = subprocess.run(
        [storm(), "run", str(milliseconds)], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: float(ns) for name, ns in lines}
