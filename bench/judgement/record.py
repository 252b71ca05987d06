"""Runs the workloads, each in a cgroup of its own, watched by the real `ebpftrace watch`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.judgement.trace import Trace, rows_of, save
from bench.judgement.workloads import Workload
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.gomodule import ModuleMissingError
from tests.support.gopls_install import GoplsMissingError
from tests.support.sessions import end_session, session_mark

INTERVAL = "500ms"
START_SECONDS = 60.0
SETTLE_SECONDS = 1.5  # watched before the program starts, and after it ended
_MIB = 1 << 20
_CANNOT_RUN = (
    OSError,
    AssertionError,
    subprocess.SubprocessError,
    GoplsMissingError,
    ModuleMissingError,
)


def record(workloads: Iterable[Workload], lanes: int) -> None:
    """All of them, `lanes` at a time, heavy ones counting as two; prints as they end."""
    room = threading.Semaphore(lanes)
    threads = []
    for workload in workloads:
        for _ in range(workload.weight):
            room.acquire()
        thread = threading.Thread(target=_recorded, args=(workload, room))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def _recorded(workload: Workload, room: threading.Semaphore) -> None:
    try:
        trace = record_one(workload)
        path = save(trace)
        print(f"{workload.name}: {len(trace.rows)} rows, {path.stat().st_size} bytes, "
              f"peak {max((row.held_kib for row in trace.rows), default=0) >> 10} MiB of "
              f"{workload.limit_mib}", flush=True)  # fmt: skip
    except _CANNOT_RUN as error:  # the others continue
        print(f"{workload.name}: not recorded: {error!r}", flush=True)
    finally:
        for _ in range(workload.weight):
            room.release()


def record_one(workload: Workload) -> Trace:
    """Run one workload to its end or its time, watched from before its first instruction."""
    folder = Path(tempfile.mkdtemp(prefix="ebpftrace-judge-"))
    try:
        with memory_cgroup(
            limit=workload.limit_mib * _MIB, name=f"ebpftrace-judge-{workload.name}"
        ) as group:
            records, began_ns, onset_s = _watched(workload, group, folder)
        about = workload.described(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_tmpfs(folder.name)
    return Trace(workload.name, workload.label, about, onset_s, rows_of(records, began_ns))


def _watched(
    workload: Workload, group: MemoryCgroup, folder: Path
) -> tuple[list[dict[str, Any]], int, float]:
    parent = str(Path(group.name).parent)
    argv = [sys.executable, "-m", "ebpftrace", "watch", "--no-history",
            "--cgroup", parent, "--comm", "*",
            "--output", "jsonl", "--interval", INTERVAL]  # fmt: skip
    with (folder / "watch.jsonl").open("w+b") as out:
        watch = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL)
        try:
            _wait_for_start(folder / "watch.jsonl")
            time.sleep(SETTLE_SECONDS)
            began_ns = time.monotonic_ns()
            onset = run(workload, group, folder)
            time.sleep(SETTLE_SECONDS)
        finally:
            watch.send_signal(signal.SIGINT)
            watch.wait(START_SECONDS)
        out.seek(0)
        records = [json.loads(line) for line in out]
    seconds = workload.onset_s if onset is None else onset - began_ns / 1e9
    return records, began_ns, seconds


def run(workload: Workload, group: MemoryCgroup, folder: Path) -> float | None:
    """Run it to its end or its time. Returns when its leak began, if only it can know."""
    if workload.driver is not None:
        return workload.driver(group, folder)
    assert workload.command is not None
    argv: Sequence[str | Path] = workload.command(folder)
    mark = session_mark()
    process = group.run(
        argv, cwd=folder, env={**_environment(), **mark}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(workload.seconds)
    except subprocess.TimeoutExpired:
        pass  # its time is over
    finally:
        end_session(process, mark)
    return None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _wait_for_start(path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not path.read_bytes():
        if time.monotonic() > deadline:
            raise TimeoutError("ebpftrace watch did not start")
        time.sleep(0.05)


def _remove_tmpfs(name: str) -> None:
    left = Path("/dev/shm") / name
    if left.is_dir():
        shutil.rmtree(left)
    else:
        left.unlink(missing_ok=True)
