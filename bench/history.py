"""How long the history takes to answer, and to take a run, when it is large."""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Row, Table
from bench.scale import Scale
from ebpftrace.history.past import past_from
from ebpftrace.history.sqlite_store import SqliteStore
from ebpftrace.history.store import StoreBounds
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support.runs import JOB, run

_RUNS_OF_JOB = 20
_BOUNDS = StoreBounds()._replace(jobs=1_000_000, size_bytes=GIB)
"""Nothing is dropped, and `history_runs` runs are about what the default bounds keep."""


def measure(scale: Scale) -> Iterator[Table]:
    """Milliseconds to read and to write, with `history_runs` runs in the file."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "history.db"
        count = scale.history_runs
        _fill(file, count)
        size = file.stat().st_size / MIB
        jobs = count // _RUNS_OF_JOB
        numbers = [random.randrange(jobs) for _ in range(scale.history_reads)]
        few = numbers[: len(numbers) // 10]
        rows = (
            Row("past runs of a job, envelope included", _timed(numbers, file, _read)),
            Row("… in a file just opened", _timed(few, file, _open)),
            Row("a run recorded", _timed(numbers, file, _write)),
            Row("the 50 jobs that ran last", _timed(few, file, _list)),
        )
    yield Table(
        "history",
        f"past runs, {count:,} of {jobs:,} jobs in {size:.0f} MiB",
        "ms",
        rows,
        tail=True,
    )


def _key(number: int) -> str:
    return f"{JOB.key}/{number}"


def _fill(file: Path, count: int) -> None:
    steps = [(second, 10 + second) for second in range(64)]
    made = run(steps)
    with SqliteStore(file, _BOUNDS) as store:
        now_ns = time.time_ns()
        store._db.execute("PRAGMA synchronous = OFF")
        for number in range(count):
            job = JOB._replace(key=_key(number // _RUNS_OF_JOB), name=f"job {number}")
            start_ns = now_ns - (count - number) * NS_PER_SECOND
            store.add(made._replace(job=job, start_time_ns=start_ns, watch_key=str(number)))


def _timed(
    numbers: list[int], file: Path, call: Callable[[SqliteStore, int], object]
) -> tuple[float, ...]:
    with SqliteStore(file, _BOUNDS) as store:
        taken = []
        for number in numbers:
            began = time.perf_counter()
            call(store, number)
            taken.append((time.perf_counter() - began) * 1000)
    return tuple(taken)


def _read(store: SqliteStore, number: int) -> None:
    assert past_from(store.runs(_key(number)), 400 * MIB, "v1 cgroup") is not None


def _open(store: SqliteStore, number: int) -> None:
    with SqliteStore(store.file, _BOUNDS) as opened:
        _read(opened, number)


def _write(store: SqliteStore, number: int) -> None:
    job = JOB._replace(key=_key(number))
    store.add(run()._replace(job=job, start_time_ns=time.time_ns(), watch_key=str(number)))


def _list(store: SqliteStore, _number: int) -> None:
    assert len(store.jobs(50)) == 50
