"""The evidence worth saving about a process and its cgroup, part by part."""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.descendants import descendants_of
from ebpftrace.act.process.identity import Target, open_process
from ebpftrace.host import proc
from ebpftrace.units import KIB, MIB
from ebpftrace.values import dataclass

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
    """One file of the evidence. `read(limit)` returns at most `limit` bytes, or raises."""

    name: str
    read: Callable[[int], bytes]
    limit_bytes: int = MIB


def parts_of(incident: Incident) -> Iterator[Part]:
    """The cheap and important parts first, the largest last; only files that exist."""
    pid = incident.target.key.pid
    yield Part("finding.txt", lambda _limit: incident.finding.sentence.encode() + b"\n")
    yield Part("curve.csv", lambda _limit: _curve(incident))
    for name in _PROCESS[:-1]:
        yield Part(f"process-{name}", partial(_read_checked, incident, name))
    yield Part("process-cmdline", lambda _limit: _cmdline(pid))
    if incident.cgroup_folder is not None:
        for name in _CGROUP:
            file = incident.cgroup_folder / name
            if file.exists():
                yield Part(f"cgroup-{name}", partial(_read, file))
    for name in _SYSTEM:
        file = proc.PROC / name
        if file.exists():
            yield Part(f"system-{name.replace('/', '-')}", partial(_read, file))
    yield Part("children.json", lambda _limit: _targets(descendants_of(incident.target.key)))
    if incident.other_targets:
        yield Part("others.json", lambda _limit: _targets(incident.other_targets))
    yield Part("process-smaps", partial(_read_checked, incident, "smaps"), 8 * MIB)


def _read_checked(incident: Incident, name: str, limit: int) -> bytes:
    """Checked before and after the read: the pid may be reused meanwhile."""
    os.close(open_process(incident.target, same_cgroup=False))
    raw = _read(proc.PROC / str(incident.target.key.pid) / name, limit)
    os.close(open_process(incident.target, same_cgroup=False))
    return raw


def _read(file: Path, limit: int) -> bytes:
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
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
