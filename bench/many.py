"""What a watch costs beside very many processes, of which most sleep."""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.cpu import cpu_ns
from bench.figures import Row, Table
from bench.observers import Running, ebpftrace, running, storm
from bench.scale import Scale
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.workload import status

_OUTPUTS = {"--changes": ("--changes",), "whole": ()}
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one watch, and the share of the time it was measured in."""

    cpu_percent: float
    resident_mib: float
    highest_mib: float
    output_kb: float  # a second
    losses: dict[str, int]


def measure(scale: Scale) -> Iterator[Table]:
    """With and without `--changes` side by side, for each number of processes in turn."""
    costs: dict[str, _Cost] = {}
    for processes, cgroups, changing in scale.many:
        where = f"{processes:,} in {cgroups:,}"
        where += f", {changing} change" if changing else ""
        with many_processes(processes, cgroups, changing):
            for output, cost in _watched(scale).items():
                costs[f"{where}: {output}"] = cost
    seconds = f"an update a second, over {scale.many_seconds:g} s"
    yield _table(
        f"CPU time with so many processes in so many cgroups, {seconds}; those that change "
        "take and give back 64 KiB each second",
        "%", {label: cost.cpu_percent for label, cost in costs.items()},
        tuple(f"losses, {label}: {_words(cost.losses)}" for label, cost in costs.items()
              if cost.losses) or ("no losses",),
    )  # fmt: skip
    yield _table(
        "resident memory then", "MiB",
        {label: cost.resident_mib for label, cost in costs.items()},
        ("highest since its start: " + ", ".join(
            f"{label} {cost.highest_mib:.0f}" for label, cost in costs.items()
        ),),
    )  # fmt: skip
    yield _table(
        "output a second", "kB", {label: cost.output_kb for label, cost in costs.items()}, ()
    )


def _table(
    title: str, unit: str, values: dict[str, float], footnotes: tuple[str, ...]
) -> Table:
    rows = tuple(Row(label, (value,)) for label, value in values.items())
    return Table("many", title, unit, rows, footnotes=footnotes)


def _watched(scale: Scale) -> dict[str, _Cost]:
    with contextlib.ExitStack() as stack:
        watches = {
            label: stack.enter_context(running(ebpftrace(label, "--comm", "storm-*", *options)))
            for label, options in _OUTPUTS.items()
        }
        time.sleep(scale.many_settle)
        before = {label: _used(watch) for label, watch in watches.items()}
        time.sleep(scale.many_seconds)
        return {label: _cost(watch, before[label]) for label, watch in watches.items()}


def _used(watch: Running) -> tuple[int, int, int]:
    return time.monotonic_ns(), cpu_ns(watch.pid), watch.output_bytes


def _cost(watch: Running, before: tuple[int, int, int]) -> _Cost:
    passed, cpu, written = (now - then for now, then in zip(_used(watch), before, strict=True))
    sizes = status(watch.pid)
    return _Cost(
        100 * cpu / passed,
        sizes["VmRSS"] / 2**20,
        sizes["VmHWM"] / 2**20,
        written / passed * 1e6,
        _losses(watch.last_line),
    )


def _losses(line: bytes) -> dict[str, int]:
    """Those of a snapshot, from the end of its record."""
    found = re.findall(rb'"losses":(\{[^}]*\})', line)
    return dict(json.loads(found[-1])) if found else {}


def _words(losses: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {cause}" for cause, count in losses.items())


@contextlib.contextmanager
def many_processes(count: int, cgroups: int, changing: int) -> Iterator[None]:
    """So many processes, spread over so many cgroups, and so many of them that change."""
    with contextlib.ExitStack() as stack:
        parent = stack.enter_context(memory_cgroup())
        groups: list[MemoryCgroup] = [
            stack.enter_context(memory_cgroup(parent=parent)) for _ in range(cgroups)
        ]
        first: list[subprocess.Popen[bytes]] = []
        try:
            for number, group in enumerate(groups):
                here, moving = (
                    total // cgroups + (number < total % cgroups) for total in (count, changing)
                )
                first.append(group.run([storm(), "many", str(here), str(moving)]))
            until = time.monotonic() + _START_SECONDS
            while sum(len(group.pids()) for group in groups) < count:
                assert time.monotonic() < until
                time.sleep(0.5)
            yield
        finally:
            for process in first:
                process.kill()
            for process in first:
                process.wait()
