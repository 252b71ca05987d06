"""How long after a breach a hook runs: ebpftrace and the shell guards that people write.

Beside them is a bare Python process, to which the job itself reports its breach: the rest of
the time is what ebpftrace adds to the language and the kernel.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench.beside import WITH_BENCH, every_cpu_busy, shell_guard
from bench.breaches import BOUND, COMM, Hooks, Job, hook, jobs, latencies
from bench.figures import Row, Table
from bench.observers import Observer, ebpftrace, running
from bench.scale import Scale

_JOBS = 8
_SETTLE = (0.12, 0.22)
"""Seconds between two breaches; after eight of them a job's last incident has ended."""

_ACTS, _CAPTURES = "ebpftrace: the hook at once", "ebpftrace: evidence first, as by default"
_BARE = "bare Python, the job reports itself"
_SLOW, _TUNED = "shell guard, once a second", "shell guard, every 10 ms"

Observing = Callable[[list[Job], Hooks, Path], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class _Condition:
    label: str
    observing: Observing
    jobs: int
    pause: tuple[float, float]
    breaches: Callable[[Scale], int]
    told: bool = False  # by the jobs


def measure(scale: Scale) -> Iterator[Table]:
    """Every condition in turn, round by round; first as it is, then with every CPU busy."""
    for busy in (False, True):
        samples: dict[str, list[float]] = {one.label: [] for one in _CONDITIONS}
        first: dict[str, list[float]] = {one.label: [] for one in _CONDITIONS}
        with every_cpu_busy() if busy else nullcontext():
            for number in range(scale.breach_rounds):
                turn = _CONDITIONS if number % 2 == 0 else _CONDITIONS[::-1]
                for one in turn:
                    taken = _round(one, one.breaches(scale))
                    samples[one.label] += taken
                    first[one.label].append(taken[0])
        yield _table(samples, first, busy=busy)


def _table(
    samples: dict[str, list[float]], first: dict[str, list[float]], *, busy: bool
) -> Table:
    cpus = os.cpu_count() or 1
    with_what = f"beside {cpus} spinning processes on {cpus} CPUs" if busy else "no load added"
    counts = ", ".join(f"{label} {len(taken)}" for label, taken in samples.items())
    firsts = ", ".join(f"{label} {max(first[label]):.2f}" for label in (_ACTS, _CAPTURES))
    return Table(
        "latency",
        f"breach to the hook's first instruction, {with_what}",
        "ms",
        tuple(Row(label, tuple(taken)) for label, taken in samples.items()),
        against=_ACTS,
        tail=True,
        footnotes=(
            f"breaches: {counts}",
            f"the slowest that was the first of its watch, in ms: {firsts}",
        ),
    )


def _round(one: _Condition, count: int) -> list[float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ebpftrace-")))
        hooks = Hooks(folder)
        stack.callback(hooks.close)
        told = folder / "breaches" if one.told else None
        if told is not None:
            os.mkfifo(told)
        running_jobs = stack.enter_context(jobs(one.jobs, told))
        stack.enter_context(one.observing(running_jobs, hooks, folder))
        return list(latencies(running_jobs, hooks, count, one.pause))


def _acting(*first: str) -> Observing:
    """A watch whose ladder is these steps and then the hook."""

    @contextmanager
    def observing(_running_jobs: list[Job], hooks: Hooks, folder: Path) -> Iterator[None]:
        steps = ", ".join(
            [
                *(
                    f'{{ action = "{action}", folder = "{folder}/evidence" }}'
                    for action in first
                ),
                f'{{ action = "exec", command = ["{hook()}", "{hooks.path}"] }}',
            ]
        )
        policy = folder / "policy.toml"
        policy.write_text(_POLICY.format(capture=str(bool(first)).lower(), steps=steps))
        audit = ("--audit", str(folder / "audit.jsonl"))
        options = ("--comm", f"{COMM}-*", "--config", str(policy), *audit)
        with running(ebpftrace("ebpftrace", *options)):
            yield

    return observing


# Of the process, which counts its own pages: a job's kernel memory counts for the job as well.
_POLICY = f"""\
[[policy]]
name = "latency"
grace = "0s"
cooldown = "0s"
budget = {{{{ restarts = 1000000, window = "10m" }}}}
capture = {{capture}}
when = [{{{{ detector = "level", bound = {BOUND}, of = "process" }}}}]
then = [{{steps}}]
"""


@contextmanager
def _told(_running_jobs: list[Job], hooks: Hooks, folder: Path) -> Iterator[None]:
    """A bare Python process (bare.py)."""
    bare = (*WITH_BENCH, sys.executable, str(Path(__file__).with_name("bare.py")))
    files = (folder / "breaches", folder / "log", hook(), hooks.path)
    with running(Observer(_BARE, (*bare, *map(str, files)), b"ready\n")):
        yield


def _guarding(seconds: str) -> Observing:
    """A shell for each job, which polls this often."""

    @contextmanager
    def observing(running_jobs: list[Job], hooks: Hooks, _folder: Path) -> Iterator[None]:
        with ExitStack() as stack:
            for job in running_jobs:
                pid = str(job.process.pid)
                stack.enter_context(
                    shell_guard(job.cgroup, BOUND, seconds, hook(), hooks.path, pid)
                )
            yield

    return observing


_CONDITIONS = (
    _Condition(_ACTS, _acting(), _JOBS, _SETTLE, lambda scale: scale.breaches),
    _Condition(_CAPTURES, _acting("capture"), _JOBS, _SETTLE, lambda scale: scale.breaches),
    _Condition(_BARE, _told, _JOBS, _SETTLE, lambda scale: scale.breaches, told=True),
    _Condition(_TUNED, _guarding("0.01"), 1, (0.02, 0.06), lambda scale: scale.breaches),
    _Condition(_SLOW, _guarding("1"), 1, (0.0, 1.0), lambda scale: scale.slow_breaches),
)
