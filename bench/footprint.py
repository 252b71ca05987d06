"""The memory and CPU time of an observer without anything to observe."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.cpu import cpu_ns
from bench.figures import Row, Table
from bench.observers import BEFORE, Observer, Running, bpftrace_counting, ebpftrace, running
from bench.scale import Scale
from ebpftrace.host.delay_accounting import available
from tests.support.workload import status

_BPFTRACE = "bpftrace counting kmem:rss_stat"
_DELAYS = "ebpftrace --delays"


def rss(scale: Scale) -> Iterator[Table]:
    """Resident memory in MiB, some time after the first figures, and its highest so far."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        observers = [*_observers(), *_features(folder)]
        if scale.beside is not None:
            observers += [
                replace(one, label=f"{one.label}{BEFORE}", checkout=scale.beside)
                for one in observers[:3]
            ]
        watches = [(one, stack.enter_context(running(one))) for one in observers]
        time.sleep(scale.settle)
        read = [(one.label, status(watch.pid)) for one, watch in watches]
    yield Table(
        "rss",
        f"resident memory {scale.settle:g} s after the first figures",
        "MiB",
        tuple(Row(label, (fields["VmRSS"] / 2**20,)) for label, fields in read),
        against=_BPFTRACE,
        footnotes=(
            *(() if available() else (f"{_DELAYS}: not measured, kernel.task_delayacct is 0",)),
            "highest since its start: "
            + ", ".join(f"{label} {fields['VmHWM'] / 2**20:.0f}" for label, fields in read),
        ),
    )


def idle(scale: Scale) -> Iterator[Table]:
    """Milliseconds of CPU a second, with nothing to watch and an update a second."""
    with contextlib.ExitStack() as stack:
        watches = [(one, stack.enter_context(running(one))) for one in _observers()]
        time.sleep(min(1.0, scale.idle))  # the rest of the start
        rows = cpu_rows(watches, scale.idle)
    yield Table(
        "idle",
        f"CPU time of the observer with nothing to watch, over {scale.idle:g} s",
        "ms/s",
        rows,
        against=_BPFTRACE,
    )


def cpu_rows(
    watches: list[tuple[Observer, Running]], seconds: float, parts: int = 5
) -> tuple[Row, ...]:
    """CPU time of each over the same `seconds`, in ms a second, one sample for each part."""
    samples: list[list[float]] = [[] for _ in watches]
    for _ in range(parts):
        before = [(time.monotonic_ns(), cpu_ns(watch.pid)) for _one, watch in watches]
        time.sleep(seconds / parts)
        for taken, (began, cpu), (_one, watch) in zip(samples, before, watches, strict=True):
            taken.append(1000 * (cpu_ns(watch.pid) - cpu) / (time.monotonic_ns() - began))
    rows = zip(watches, samples, strict=True)
    return tuple(Row(one.label, tuple(taken)) for (one, _watch), taken in rows)


def _features(folder: Path) -> Iterator[Observer]:
    """Watches with one more feature each than the first has, or with one less."""
    for options in (
        ("--no-history",),
        ("--children",),
        ("--mapping-calls",),
        ("--on-breach", "true", "--no-backstop"),
        ("--fuse", "90%"),
    ):
        audit = ("--audit", str(folder / f"{options[0]}.jsonl"))
        label = f"… with {options[0]}"
        yield ebpftrace(label, "--comm", "ebpftrace-bench", *options, *audit)


def _observers() -> list[Observer]:
    counting = bpftrace_counting(_BPFTRACE, seconds=1)
    return [
        ebpftrace("ebpftrace --output jsonl", "--comm", "ebpftrace-bench"),
        ebpftrace("ebpftrace --output plain", "--comm", "ebpftrace-bench", output="plain",
                  marker=b"\n"),
        ebpftrace("ebpftrace --output table", "--comm", "ebpftrace-bench", output="table"),
        # Where accounting is off, which is the default, such a watch does not start.
        *([ebpftrace(_DELAYS, "--comm", "ebpftrace-bench", "--delays")] if available() else []),
        *([counting] if counting else []),
    ]  # fmt: skip
