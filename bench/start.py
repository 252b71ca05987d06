"""From the start of the process to its first numbers."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

from bench import imports
from bench.figures import Row, Table
from bench.observers import (
    BEFORE,
    Observer,
    bpftrace_counting,
    does_not_start,
    ebpftrace,
    running,
)
from bench.scale import Scale

BCC_TOOLS = ("memleak", "oomkill", "drsnoop")
"""bcc's own tools about memory."""

BPFTRACE = "bpftrace -e 'tracepoint:kmem:rss_stat …'"


def measure(scale: Scale) -> Iterator[Table]:
    """Seconds from start to the first line of figures; the others' first output beside."""
    watch = ebpftrace("ebpftrace watch --output jsonl", "--comm", "ebpftrace-bench")
    # A folder that cannot be made: nothing is cached, and every start compiles.
    first = replace(
        watch,
        label="… the first on a machine: it compiles",
        environment=(("EBPFTRACE_CACHE_DIR", "/dev/null/cache"),),
    )
    observers, cached = [watch, first], [watch]
    if scale.beside is not None:
        before = replace(watch, label=f"{watch.label}{BEFORE}", checkout=scale.beside)
        observers.append(before)
        cached.append(before)
    for one in cached:
        with running(one):
            pass  # from here on its programs are cached, and its modules are compiled
    rows: list[Row] = []
    counting = bpftrace_counting(BPFTRACE, seconds=0.001)
    if counting is None:
        rows.append(Row(BPFTRACE, remark="bpftrace is not installed"))
    else:
        observers.append(counting)
    for tool in BCC_TOOLS:
        observers += _bcc_tool(tool, rows)
    wall: dict[str, list[float]] = {one.label: [] for one in observers}
    cpu: dict[str, list[float]] = {one.label: [] for one in observers}
    for _ in range(scale.start_rounds):
        for observer in observers:
            with running(observer) as it:
                wall[observer.label].append(it.ready_seconds)
                cpu[observer.label].append(it.ready_cpu_seconds)
    rounds = f"{scale.start_rounds} times each"
    measured = tuple(Row(label, tuple(taken)) for label, taken in wall.items())
    title = f"process start to first figures, {rounds}"
    yield Table("start", title, "s", (*measured, *rows), against=BPFTRACE)
    measured = tuple(Row(label, tuple(taken)) for label, taken in cpu.items())
    title = f"CPU time until then, which other work does not stretch, {rounds}"
    yield Table("start", title, "s", measured, against=BPFTRACE)
    yield from imports.measure(scale)


def _bcc_tool(tool: str, rows: list[Row]) -> Iterator[Observer]:
    label = f"{tool}-bpfcc"
    program = shutil.which(label)
    if program is None:
        rows.append(Row(label, remark="not installed"))
    elif reason := does_not_start((program,)):
        rows.append(Row(label, remark=f"does not start: {reason}"))
    else:
        yield Observer(label, (program,))
