"""One job with a culprit and a bystander in its own slice, and what happened to them."""

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rivals.cases import BYSTANDER, CALM_SECONDS, Case
from ebpftrace.host import pidfd, proc
from tests.support.build import exact_binary
from tests.support.systemd import Unit, service, unit_name

SLICE = "rivals.slice"
CULPRIT, BYSTANDING = "culprit", "bystander"

_HIERARCHY = "/sys/fs/cgroup"
_SAMPLE_SECONDS = 0.05
_AFTERMATH_SECONDS = 3.0
_STATUS = Path("/run/culprit-status")  # missing if the whole job was killed, or lives
_SIGNALLED = 128  # a shell adds the signal to it
_STARTS = 'cp "$1" /run/culprit; cp "$1" /run/bystander; /run/bystander --do "$2" & '
_SCRIPT = _STARTS + '/run/culprit --do "$3"; echo $? >/run/culprit-status; wait'


@dataclass(frozen=True, slots=True)
class Fate:
    """What happened to a job. Seconds since the culprit began; None if it survived."""

    ended_seconds: float | None
    held_bytes: int  # the most the job held until then, swap included
    stalled_percent: float  # the highest `full avg10` of its memory.pressure until then
    oom_kills: int  # by the kernel
    lost: tuple[str, ...]  # the processes that ended
    pids: dict[str, int]  # of each of the two
    cgroup: str  # the job's


@dataclass(frozen=True, slots=True)
class Process:
    """`fd` is readable once it has ended."""

    pid: int
    fd: int


def suffer(case: Case) -> Fate:
    """Start the job, wait until the culprit has ended or the case's time has elapsed.

    RuntimeError if it ended by itself: then nothing was measured.
    """
    _STATUS.unlink(missing_ok=True)
    calm_ms = round(CALM_SECONDS * 1000)
    script = f"sleep {calm_ms}; {case.script}; sleep 600000"
    argv: list[str | Path] = ["sh", "-c", _SCRIPT, "sh", exact_binary(), BYSTANDER, script]
    limit = "infinity" if case.limit_bytes is None else str(case.limit_bytes)
    # Otherwise systemd ends the whole service when one of its processes is killed.
    properties = (f"MemoryMax={limit}", "OOMPolicy=continue")
    with service(argv, *properties, name=unit_name(middle="rivals-"), slice_=SLICE) as unit:
        folder = Path(f"{_HIERARCHY}{unit.show('ControlGroup')}")
        with _watched(unit, folder) as processes:
            return _fate(case, folder, processes)


def _fate(case: Case, folder: Path, processes: dict[str, Process]) -> Fate:
    began = time.monotonic() + CALM_SECONDS
    held, stalled, kills, ended = 0, 0.0, _kills(), None
    while time.monotonic() < began + case.seconds:
        held, stalled = max(held, _held(folder)), max(stalled, _stalled(folder))
        if _readable(processes[CULPRIT].fd, _SAMPLE_SECONDS):
            ended = time.monotonic() - began
            break
    time.sleep(_AFTERMATH_SECONDS)
    if _STATUS.exists() and (status := int(_STATUS.read_text(encoding="utf-8"))) <= _SIGNALLED:
        raise RuntimeError(f"{case.name}: the culprit ended by itself with {status}")
    lost = tuple(name for name, one in processes.items() if _readable(one.fd, 0))
    pids = {name: one.pid for name, one in processes.items()}
    cgroup = str(folder).removeprefix(_HIERARCHY)
    return Fate(ended, held, stalled, _kills() - kills, lost, pids, cgroup)


@contextmanager
def _watched(unit: Unit, folder: Path) -> Iterator[dict[str, Process]]:
    found: dict[str, Process] = {}
    end = time.monotonic() + CALM_SECONDS
    try:
        while len(found) < 2:
            assert time.monotonic() < end, f"{unit.name} did not start its processes"
            for pid in map(int, (folder / "cgroup.procs").read_text().split()):
                name = proc.read_comm(pid)  # None: a `cp` that has ended
                if name in (CULPRIT, BYSTANDING) and name not in found:
                    found[name] = Process(pid, pidfd.open_by_pid(pid))
            time.sleep(0.01)
        yield found
    finally:
        for one in found.values():
            os.close(one.fd)


def _held(folder: Path) -> int:
    """Charged and swapped bytes; 0 once the cgroup was removed."""
    try:
        return sum(
            int((folder / name).read_text())
            for name in ("memory.current", "memory.swap.current")
        )
    except OSError:
        return 0


def _stalled(folder: Path) -> float:
    """What systemd-oomd judges by; 0 once the cgroup was removed."""
    try:
        text = (folder / "memory.pressure").read_text()
    except OSError:
        return 0.0
    return float(text.partition("full avg10=")[2].partition(" ")[0])


def _kills() -> int:
    """OOM kills of the whole machine: a removed cgroup has no count any more."""
    lines = Path("/proc/vmstat").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def _readable(fd: int, seconds: float) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])


def clear() -> None:
    """Reset the machine: no swap in use, no page cache."""
    for argv in (["swapoff", "-a"], ["swapon", "/swapfile"]):
        subprocess.run(argv, check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="utf-8")
