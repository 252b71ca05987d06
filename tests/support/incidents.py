"""Incidents about real processes, and actions driven to their end, for tests of acting."""

import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.identity import Target, identify
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.finding import Finding, FindingUnit, Severity, Subject
from ebpftrace.ledger.curve import Curve, CurveKeeper
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.patience import patient

PATIENCE_SECONDS = patient(30.0)

JOB = JobIdentity("/ci/build-42", "build-42", "github", "GITHUB_RUN_ID", "/ci/build-42", 4242)


@contextmanager
def sleeping(folder: Path, comm: str = "gopls") -> Iterator[int]:
    """The pid of a process of that name that only waits."""
    program = folder / comm
    program.symlink_to(shutil.which("sleep") or "sleep")
    with subprocess.Popen([program, "100"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def key_of(pid: int) -> ProcessKey:
    stat = proc.read_stat(pid)
    assert stat is not None
    return ProcessKey(pid, stat.start_boottime_ns)


def curve(held: int) -> Curve:
    """`held` bytes at second 4 and 5."""
    keeper = CurveKeeper()
    keeper.add(4 * NS_PER_SECOND, held)
    keeper.add(5 * NS_PER_SECOND, held)
    return keeper.curve()


def finding(
    job: JobIdentity = JOB, process: ProcessKey | None = None, **changes: Any
) -> Finding:
    made = Finding(
        detector="growth",
        subject=Subject(job, process, "gopls" if process else ""),
        severity=Severity.WARNING,
        measured=312 * MIB,
        bound=256 * MIB,
        unit=FindingUnit.BYTES,
        measures_gain=True,
        since_ns=1,
        time_ns=1_795_435_207_250_000_000,
        monotonic_ns=2,
        seconds_to_limit=71.0,
        sentence="gopls 4711 in job github/build-42 gained 312 MiB in 48 s",
    )
    return made._replace(**changes)


def incident(target: Target | None = None, comm: str = "gopls", **changes: Any) -> Incident:
    """One about `target`, or about a process that is not there."""
    made = Incident(
        id="20261123T120007Z-4711-abcdef",
        policy="command line",
        finding=finding(),
        job=JOB,
        target=target or Target(ProcessKey(4711, 1), JOB.cgroup, (0, 0)),
        comm=comm,
        began_ns=time.monotonic_ns(),
        time_ns=time.time_ns(),
        held_bytes=400 * MIB,
        job_held_bytes=500 * MIB,
        limit_bytes=None,
    )
    return replace(made, **changes)


def about(pid: int, folder: Path | None = None, **changes: Any) -> Incident:
    """One about this running process."""
    comm = proc.read_comm(pid)
    assert comm is not None
    return incident(identify(key_of(pid)), comm, cgroup_folder=folder, **changes)


def drive(running: Running, seconds: float = PATIENCE_SECONDS) -> Ended:
    """Poll as the breaker does, waiting on what the action names; TimeoutError."""
    end = time.monotonic() + seconds
    while not isinstance(ended := running.poll(time.monotonic_ns()), Ended):
        if time.monotonic() > end:
            raise TimeoutError("the action does not end")
        wait = 50.0 if running.due_ns is None else 1.0
        poll = select.poll()
        for fd in running.fds:
            poll.register(fd, select.POLLIN)
        poll.poll(wait)
    return ended


def act(name: str, about: Incident, options: object) -> Ended:
    """Start an action, drive it to its end, and clean up."""
    running = ACTIONS[name].start(about, options)
    try:
        return drive(running)
    finally:
        running.stop()
