"""Runs one job in a memory cgroup of its own, beside a load, watched or only measured."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.judgement.ci.jobs import Job
from bench.judgement.trace import Row, rows_of
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_hierarchy
from tests.support.sessions import end_session, session_mark

LEAKS = Path(__file__).parent / "leaks"
LOADS = {
    1: "as it is",
    2: "beside a busy process on each processor",
    3: "beside other jobs' runs",
}
INTERVAL = "500ms"
LONGEST_SECONDS = 240.0
_SAMPLE_SECONDS = 0.25
_START_SECONDS = 60.0
_SETTLE_SECONDS = 0.3  # watched before the job starts; and after it ended, for two updates
_AFTER_SECONDS = 1.1
_KIB = 1 << 10
_sharing = threading.Lock()
_sharers: list[int] = []
_processes: list[subprocess.Popen[bytes]] = []  # of the load of number 2


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run went: `peak_kib` is the most that the kernel could not drop, as sampled."""

    seconds: float
    peak_kib: int
    ended: str
    rows: tuple[Row, ...]


@contextmanager
def bench_cgroup(name: str, limit_bytes: int | None) -> Iterator[MemoryCgroup]:
    """`ebpftrace-bench-<random>/<name>`, limited, removed with all that is in it."""
    root, version = memory_hierarchy()
    top = root / f"ebpftrace-bench-{secrets.token_hex(4)}"
    path = top / name
    path.mkdir(parents=True)
    try:
        group = MemoryCgroup(path, version)
        if limit_bytes is not None:
            group.limit(limit_bytes)
        yield group
    finally:
        MemoryCgroup(top, version).remove()


def run_job(
    job: Job, work: Path, load: int, *, limit_kib: int | None = None, leak_mib: float = 0.0
) -> Ran:
    """Run it once to its end. With a limit it is watched; a leak takes `leak_mib` a second.

    The job's folder is made anew, so that a tool that starts cold is cold again.
    """
    folder = work / "run" / f"{job.name}-{secrets.token_hex(3)}"
    folder.mkdir(parents=True)
    limit = None if limit_kib is None else limit_kib * _KIB
    try:
        with bench_cgroup(f"ci-{job.name}", limit) as group, _busy(load):
            if limit is None:
                return run_in(job, work, folder, group, load, leak_mib)
            return _watched(job, work, folder, group, load, leak_mib)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _watched(
    job: Job, work: Path, folder: Path, group: MemoryCgroup, load: int, leak_mib: float
) -> Ran:
    argv = [sys.executable, "-m", "ebpftrace", "watch", "--cgroup",
            str(Path(group.name).parent), "--comm", "*", "--output", "jsonl",
            "--interval", INTERVAL]  # fmt: skip
    written = folder.with_suffix(".jsonl")
    try:
        with written.open("w+b") as out:
            watch = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL)
            try:
                _wait_for_start(written)
                time.sleep(_SETTLE_SECONDS)
                began_ns = time.monotonic_ns()
                ran = run_in(job, work, folder, group, load, leak_mib)
                time.sleep(_AFTER_SECONDS)
            finally:
                watch.send_signal(signal.SIGINT)
                watch.wait(_START_SECONDS)
            out.seek(0)
            records: list[dict[str, Any]] = [json.loads(line) for line in out]
    finally:
        written.unlink(missing_ok=True)
    return Ran(ran.seconds, ran.peak_kib, ran.ended, rows_of(records, began_ns))


def run_in(
    job: Job, work: Path, folder: Path, group: MemoryCgroup, load: int, leak_mib: float
) -> Ran:
    """Run it to its end in this cgroup and folder, without a watch: it has no rows."""
    kept = work / "kept" / job.name
    kept.mkdir(parents=True, exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "WORK": str(work), "KEPT": str(kept), "LEAKS": str(LEAKS), "TMPDIR": str(folder),
        "NODE_OPTIONS": "--max-old-space-size=4096 --max-semi-space-size=16",
    }  # fmt: skip
    if leak_mib:
        environment |= {"LEAK": f"{leak_mib:.1f}", "PYTHONPATH": str(LEAKS),
                        "NODE_PATH": str(work / "node" / "node_modules")}  # fmt: skip
    argv = ["sh", "-e", "-c", job.leaky if leak_mib else job.script]
    mark = session_mark()
    began = time.monotonic()
    with (folder.with_suffix(".log")).open("wb") as log:
        process = group.run(
            argv, cwd=folder, env={**environment, **mark}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        peak = _Peak(group)
        killed_before = group.oom_kills()
        try:
            process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # counts as failed
        finally:
            seconds = time.monotonic() - began
            peak_kib = peak.stop()
            killed = group.oom_kills() > killed_before
            status = process.returncode
            end_session(process, mark)
    ended = "oom-killed" if killed else "ok" if status == 0 else "failed"
    if ended != "failed":
        folder.with_suffix(".log").unlink()
    return Ran(seconds, peak_kib, ended, ())


class _Peak:
    """Samples what the kernel cannot drop: the charge without page cache."""

    def __init__(self, group: MemoryCgroup) -> None:
        self._group = group
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> int:
        """The most there was, in KiB."""
        self._ended.set()
        self._thread.join()
        return self._most // _KIB

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            lines = (self._group.path / "memory.stat").read_text(encoding="utf-8").splitlines()
            stat = {name: int(value) for name, value in (line.split() for line in lines)}
            cache = stat.get("total_cache", stat.get("file", 0))
            shmem = stat.get("total_shmem", stat.get("shmem", 0))
            self._most = max(self._most, self._group.charge_bytes() - cache + shmem)


@contextmanager
def _busy(load: int) -> Iterator[None]:
    """The load of number 2: a process on each processor that does nothing but that.

    Jobs that run at the same time share them.
    """
    if load != 2:
        yield
        return
    with _sharing:
        if not _sharers:
            argv = [sys.executable, "-c", "while True: pass"]
            _processes.extend(subprocess.Popen(argv) for _ in range(os.cpu_count() or 1))
        _sharers.append(load)
    try:
        yield
    finally:
        with _sharing:
            _sharers.pop()
            while _processes and not _sharers:
                process = _processes.pop()
                process.kill()
                process.wait()


def _wait_for_start(path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not path.stat().st_size:
        if time.monotonic() > deadline:
            raise TimeoutError("ebpftrace watch did not start")
        time.sleep(0.05)
