"""What one memory operation takes, for watched and for other processes."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from bench.empty import HOT_TRACEPOINTS, empty_program
from bench.figures import Row, Table
from bench.observers import BEFORE, bpftrace_counting, ebpftrace, running, storm
from bench.scale import Scale

ALONE = "without ebpftrace"
EMPTY = "an empty program in its place"

Condition = Callable[[], AbstractContextManager[object]]

TITLES = {
    "touch": "first touch of a page",
    "mmap": "mmap and munmap of 64 KiB",
    "brk": "brk up and down by 64 KiB",
    "getppid": "getppid, a system call that has nothing to do with memory",
}
"""What storm.c calls each storm, and what it is."""


def measure(scale: Scale) -> Iterator[Table]:
    """All storms under each observer in turn, round by round."""
    conditions = _conditions(scale.beside)
    samples: dict[tuple[str, str], list[float]] = {}
    for number in range(scale.storm_rounds):
        # Every other round backwards: no condition always follows the same other.
        for label, condition in conditions if number % 2 == 0 else conditions[::-1]:
            with condition():
                for name, ns in one_storm(scale.storm_ms).items():
                    samples.setdefault((name, label), []).append(ns)
    for name, title in TITLES.items():
        rows = tuple(Row(label, tuple(samples[name, label])) for label, _ in conditions)
        yield Table(name, f"{title}, {scale.storm_rounds} rounds", "ns", rows, against=ALONE)


def _conditions(beside: Path | None) -> list[tuple[str, Condition]]:
    name = "storm-*"
    counting = bpftrace_counting("bpftrace counting kmem:rss_stat", seconds=1)
    watches = {
        "ebpftrace watching others": ("--comm", "ebpftrace-bench"),
        "ebpftrace watching it": ("--comm", name),
        "… others, with --mapping-calls": ("--comm", "ebpftrace-bench", "--mapping-calls"),
        "… it, with --mapping-calls": ("--comm", name, "--mapping-calls"),
    }
    observers = []
    for label, options in watches.items():
        observers.append(ebpftrace(label, *options))
        if beside is not None and "--mapping-calls" not in options:
            observers.append(ebpftrace(f"{label}{BEFORE}", *options, checkout=beside))
    observers += [counting] if counting else []
    nothing: list[tuple[str, Condition]] = [
        (ALONE, contextlib.nullcontext),
        (EMPTY, partial(empty_program, *HOT_TRACEPOINTS)),
    ]
    return nothing + [(one.label, partial(running, one)) for one in observers]


def one_storm(milliseconds: int) -> dict[str, float]:
    """Nanoseconds an operation, by the name of the storm; each for so much CPU time."""
    done = subprocess.run(
        [storm(), "run", str(milliseconds)], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: float(ns) for name, ns in lines}
