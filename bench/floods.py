"""What is left of a watch's promises while one user floods the kernel with events."""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bench.breaches import BOUND, COMM, Hooks, hook, jobs, latencies
from bench.figures import Row, Table
from bench.observers import ebpftrace, running
from bench.scale import Scale
from ebpftrace.units import MIB
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import flood, hop
from tests.support.workload import status

_CALM = "no flood"
_INTERVAL_MS = 250
_JOBS = 16
"""So many that the incident of a job has ended by its next breach."""
_PAUSE = (0.12, 0.22)
_RESET_PEAK = "5"
"""Written to /proc/PID/clear_refs: VmHWM begins anew (proc(5))."""

_POLICY = """\
[[policy]]
name = "floods"
grace = "0s"
cooldown = "0s"
budget = {{ restarts = 1000000, window = "10m" }}
capture = false
match.comm = "{comm}-*"
when = [{{ detector = "level", bound = {bound}, of = "process" }}]
then = [{{ action = "exec", command = ["{hook}", "{fifo}"] }}]
"""


@dataclass(slots=True)
class _Samples:
    """Of one flood; the last two have one sample for each round."""

    gaps_ms: list[float] = field(default_factory=list)
    hooks_ms: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)


def measure(scale: Scale) -> Iterator[Table]:
    """Every flood in turn, round by round; each has a watch of its own."""
    samples = {label: _Samples() for label in _FLOODS}
    for number in range(scale.flood_rounds):
        turn = list(samples) if number % 2 == 0 else list(samples)[::-1]
        for label in turn:
            _round(samples[label], _FLOODS[label], scale.flood_breaches)

    def table(
        title: str, unit: str, of: Callable[[_Samples], list[float]], *, tail: bool
    ) -> Table:
        rows = tuple(Row(label, tuple(of(taken))) for label, taken in samples.items())
        return Table("floods", title, unit, rows, against=_CALM, tail=tail)

    yield table(
        f"from a snapshot of another job to its next, {_INTERVAL_MS} ms apart; bound: twice "
        "that",
        "ms", lambda taken: taken.gaps_ms, tail=True,
    )  # fmt: skip
    yield table(
        "another job's breach to the hook's first instruction; bound: 20 ms at the median",
        "ms", lambda taken: taken.hooks_ms, tail=True,
    )  # fmt: skip
    yield table(
        "highest resident memory of the watch, without its start; bound: 60 MiB",
        "MiB", lambda taken: taken.peak_mib, tail=False,
    )  # fmt: skip
    yield table(
        "SIGTERM to the end of the watch; bound: 1 s",
        "s", lambda taken: taken.end_s, tail=False,
    )  # fmt: skip


def _round(samples: _Samples, arguments: "_Flood | None", breaches: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ebpftrace-")))
        hooks = Hooks(folder)
        stack.callback(hooks.close)
        running_jobs = stack.enter_context(jobs(_JOBS))
        policy = folder / "policy.toml"
        policy.write_text(_POLICY.format(comm=COMM, bound=BOUND, hook=hook(), fifo=hooks.path))
        names = (f"{COMM}-*", "flood-*", "true")
        watch = stack.enter_context(
            running(
                ebpftrace(
                    "ebpftrace",
                    *(word for name in names for word in ("--comm", name)),
                    "--interval", f"{_INTERVAL_MS}ms",
                    "--config", str(policy),
                    "--audit", str(folder / "audit.jsonl"),
                )
            )
        )  # fmt: skip
        lasts = None
        if arguments is not None:
            group = stack.enter_context(memory_cgroup())
            lasts = stack.enter_context(flood(group, arguments(group)))
        time.sleep(1.0)  # the rest of the start, and of the flood's
        Path(f"/proc/{watch.pid}/clear_refs").write_text(_RESET_PEAK, encoding="utf-8")
        first = len(watch.marked)
        samples.hooks_ms += latencies(running_jobs, hooks, breaches, _PAUSE)
        marked = watch.marked[first:]
        samples.gaps_ms += [(after - before) * 1000 for before, after in pairwise(marked)]
        samples.peak_mib.append(status(watch.pid)["VmHWM"] / MIB)
        began = time.monotonic()
        watch.process.send_signal(signal.SIGTERM)
        watch.process.wait()
        samples.end_s.append(time.monotonic() - began)
        assert lasts is None or lasts(), "the flood has ended"


_Flood = Callable[[MemoryCgroup], Sequence[str]]
"""The arguments of tests/hostile/flood.c, which runs in this cgroup."""


_FLOODS: dict[str, _Flood | None] = {
    _CALM: None,
    "a process renames itself": lambda _: ["rename"],
    "a process forks": lambda _: ["fork"],
    "a process moves between two cgroups": hop,
    "four shells run /bin/true": lambda _: ["shells"],
}
