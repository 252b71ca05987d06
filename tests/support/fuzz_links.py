"""What reads links of /proc and lists of processes, as functions of their bytes."""

import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from ebpftrace.act.actions.support import control_files
from ebpftrace.host import bounded, memstat, proc, using
from ebpftrace.host.using import processes_using
from tests.support.fuzz_names import PID, Reads

_MOST_LINK = 4095
_VARIABLE = "TMPDIR"


def links(root: Path, raw: bytes) -> Reads:
    """What a process has open, runs, and is in, and a folder that it names, are this path."""
    process = root / f"proc/{PID}"
    (process / "fd").mkdir()
    path = raw.replace(b"\0", b"")[:_MOST_LINK] or b"x"
    for name in ("fd/2", "exe", "cwd"):
        with suppress(OSError):  # part of it is too long
            Path(process / name).symlink_to(path)
    (process / "root").symlink_to(root)
    (process / "environ").write_bytes(f"{_VARIABLE}=".encode() + raw + b"\0")
    wanted = using.file_id(root)
    assert wanted is not None
    where = root / "proc"
    return [
        lambda: proc.read_descriptor(PID, 2, where),
        lambda: proc.read_program(PID, where),
        lambda: proc.program_id(PID, where),
        lambda: list(processes_using([wanted], [_VARIABLE], root)),
    ]


def listed(root: Path, raw: bytes) -> Reads:
    """cgroup.procs of one cgroup, or what a list is that has more in it."""
    (root / "cgroup.procs").write_bytes(raw)

    def pids() -> object:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return control_files.cgroup_pids(folder)
        finally:
            os.close(folder)

    return [pids, lambda: memstat._pids(root)]


def sleeps(root: Path, raw: bytes) -> Reads:
    """Where a thread of ours waits: the first line is its stat, the rest its wchan."""
    stat, _, wchan = raw.partition(b"\n")
    task = root / f"proc/{PID}"
    (task / "stat").write_bytes(stat)
    (task / "wchan").write_bytes(wchan)
    return [partial(bounded._sleeps_in_kernel, task)]
