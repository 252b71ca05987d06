"""The evidence worth saving about a process and its cgroup, part by part."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.descendants import descendants_of
from ebpftrace.act.process.identity import Target, open_process
from ebpftrace.errors import GoneError
from ebpftrace.host import proc
from ebpftrace.host.cached_id import cached_file_id
from ebpftrace.units import KIB, MIB

_PROCESS = ("status", "limits", "smaps_rollup", "stat", "sched", "io", "oom_score_adj",
            "cgroup", "mountinfo", "smaps")  # fmt: skip
_CGROUP = (
    "memory.stat", "memory.usage_in_bytes", "memory.limit_in_bytes", "memory.failcnt",
    "memory.max_usage_in_bytes", "memory.oom_control", "memory.numa_stat",
    "memory.current", "memory.max", "memory.high", "memory.low", "memory.peak",
    "memory.events", "memory.events.local", "memory.swap.current", "memory.pressure",
    "pids.current", "pids.max", "cpu.stat", "cgroup.events", "cgroup.procs",
)  # fmt: skip
_SYSTEM = ("meminfo", "pressure/memory", "loadavg")
_CHUNK = 256 * KIB


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the evidence. `read(limit)` returns at most `limit` bytes, or raises.

    `later`: no step changes it, so that it may be read after the next one has started.
    """

    name: str
    read: Callable[[int], bytes]
    limit_bytes: int = MIB
    later: bool = False


class _ProcessFiles:
    """The target's folder in /proc, opened once: what is read in it is of no process that got
    the same pid later."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._folder = -1
        self._error: Exception | None = None
        try:
            path = proc.PROC / str(target.key.pid)
            self._folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._check()
        except Exception as error:
            self._error = GoneError(f"{target.key.pid} has ended") if _is_gone(error) else error

    def read(self, name: str, limit: int) -> bytes:
        """One file. GoneError if the process has ended, RefusedError if it has executed another
        program."""
        if self._error is not None:
            raise self._error
        try:
            raw = _read(Path(name), limit, self._folder)
        except OSError as error:
            if _is_gone(error):
                self._check()  # else the kernel has no such file
            raise
        program = cached_file_id(Path(f"/proc/self/fd/{self._folder}/exe")) or (0, 0)
        if program != self._target.program:
            self._check()  # also says that it has ended
        return raw

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _check(self) -> None:
        os.close(open_process(self._target, same_cgroup=False))


def _is_gone(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError | ProcessLookupError)


def parts_of(incident: Incident) -> Iterator[Part]:
    """The cheap and important parts first, the largest last; only files that exist.

    A part that is not a later one is read before the next one is asked for.
    """
    files = _ProcessFiles(incident.target)
    try:
        yield from _parts(incident, files)
    finally:
        files.close()


def _parts(incident: Incident, files: _ProcessFiles) -> Iterator[Part]:
    pid = incident.target.key.pid
    finding = incident.finding.sentence.encode() + b"\n"
    yield Part("finding.txt", lambda _limit: finding, later=True)
    yield Part("curve.csv", lambda _limit: _curve(incident), later=True)
    for name in _PROCESS[:-1]:
        yield Part(f"process-{name}", partial(files.read, name))
    yield Part("process-cmdline", lambda _limit: _cmdline(pid))
    folder = incident.cgroup_folder
    if folder is not None:
        there = _names(folder)
        for name in _CGROUP:
            if name in there:
                yield Part(f"cgroup-{name}", partial(_read, folder / name))
    for name in _SYSTEM:
        file = proc.PROC / name
        if file.exists():
            yield Part(f"system-{name.replace('/', '-')}", partial(_read, file), later=True)
    yield Part("children.json", lambda _limit: _targets(descendants_of(incident.target.key)))
    if incident.other_targets:
        yield Part("others.json", lambda _limit: _targets(incident.other_targets))
    yield Part("process-smaps", partial(files.read, "smaps"), 8 * MIB)


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except OSError:
        return set()


def _read(file: Path, limit: int, folder: int | None = None) -> bytes:
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    try:
        raw = b""
        while len(raw) < limit and (chunk := os.read(fd, min(_CHUNK, limit - len(raw)))):
            raw += chunk
        return raw
    finally:
        os.close(fd)


def _cmdline(pid: int) -> bytes:
    return " ".join(proc.read_cmdline(pid) or ()).encode() + b"\n"


def _curve(incident: Incident) -> bytes:
    rows = ["monotonic_ns,held_bytes,charge_bytes"]
    rows += [f"{at},{held},{charge}" for at, held, charge in incident.curve]
    return ("\n".join(rows) + "\n").encode()


def _targets(targets: tuple[Target, ...]) -> bytes:
    return json.dumps(list(map(_process, targets)), indent=2).encode()


def _process(target: Target) -> dict[str, Any]:
    pid = target.key.pid
    stat, status = proc.read_stat(pid), proc.read_status(pid)
    return {
        "pid": pid,
        "parent_pid": None if stat is None else stat.parent_pid,
        "comm": None if stat is None else stat.comm,
        "cmdline": " ".join(proc.read_cmdline(pid) or ()),
        "cgroup": target.cgroup,
        "anon_bytes": None if status is None else status.anon_bytes,
        "file_bytes": None if status is None else status.file_bytes,
        "peak_resident_bytes": None if status is None else status.peak_resident_bytes,
    }
