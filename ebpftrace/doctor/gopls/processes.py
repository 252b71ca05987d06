"""Which processes are gopls, and what is known of each from outside."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.gopls.patience import PatientReader
from ebpftrace.doctor.node.jobs import lowest_limit
from ebpftrace.errors import NotPermittedError
from ebpftrace.golang.buildinfo import read_main_package, read_main_version
from ebpftrace.golang.telemetry import is_crash_monitor
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.proc import (
    program_file,
    read_cmdline,
    read_comm,
    read_environ,
    read_status,
)
from ebpftrace.host.reading.proc_file import read_proc_file
from ebpftrace.process_names import matches_any
from ebpftrace.text import PATH_LIMIT, clean

MAIN_PACKAGE = "golang.org/x/tools/gopls"
VARIABLES = (
    "GOPLSCACHE", "XDG_CACHE_HOME", "HOME", "TMPDIR", "RUNNER_TEMP", "GOMEMLIMIT",
    "GOLANG_ORG_GOPLS_CACHE_DIR", "GOLANG_ORG_GOPLS_DISABLE_CACHE",
)  # fmt: skip
_ADDRESS_SPACE = re.compile(rb"^Max address space +([0-9]{1,20}) ", re.MULTILINE)


class GoplsProcess(NamedTuple):
    """A gopls that runs; sizes in bytes. `limit_bytes` is the lowest of its memory cgroup and
    those above. What it did not let be read is empty, or None."""

    pid: int
    user: int
    version: str
    resident_bytes: int
    cgroup: str
    limit_bytes: int | None
    address_space_bytes: int | None  # RLIMIT_AS
    arguments: tuple[str, ...]
    variables: dict[str, str]  # those of VARIABLES that are set

    @property
    def cache(self) -> str:
        """The folder that its file cache is in; "" if that is not known."""
        home = self.variables.get("HOME", "")
        own = self.variables.get("GOPLSCACHE") or self.variables.get("XDG_CACHE_HOME")
        return own or (f"{home}/.cache" if home else "")


def running_gopls(
    hierarchy: MemoryHierarchy, comms: Sequence[str], root: Path = Path("/")
) -> list[GoplsProcess]:
    """Processes with one of these names (globs) whose program is gopls by its build info.

    Their crash monitors are left out.
    """
    paths, reader = CgroupPaths(hierarchy), PatientReader()
    proc = root / "proc"
    try:
        found: list[GoplsProcess] = []
        for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()):
            try:
                comm = read_comm(pid, proc) or ""
                if matches_any(comms, (comm,)) and _is_gopls(pid, proc, reader):
                    found += _read(pid, paths, hierarchy, root, reader)
            except (NotPermittedError, OSError):
                continue  # it ended, or is another user's
        return found
    finally:
        paths.close()


def _is_gopls(pid: int, proc: Path, reader: PatientReader) -> bool:
    program = program_file(pid, proc)
    return reader.file(pid, partial(read_main_package, program)) == MAIN_PACKAGE


def _read(
    pid: int,
    paths: CgroupPaths,
    hierarchy: MemoryHierarchy,
    root: Path,
    reader: PatientReader,
) -> Iterator[GoplsProcess]:
    proc = root / "proc"
    arguments = reader.again(lambda: read_cmdline(pid, proc))
    status = read_status(pid, proc)
    if not arguments or status is None or is_crash_monitor(arguments):
        return
    cgroup = memory_cgroup(pid, root) or ""
    folder = paths.folder(cgroup)
    environ = reader.again(lambda: read_environ(pid, proc))
    values = {name: environ.get(name, PATH_LIMIT) for name in VARIABLES} if environ else {}
    limits = _ADDRESS_SPACE.search(read_proc_file(proc, pid, "limits") or b"")
    program = program_file(pid, proc)
    yield GoplsProcess(
        pid=pid,
        user=(proc / str(pid)).stat().st_uid,
        version=reader.file(pid, partial(read_main_version, program)) or "",
        resident_bytes=status.anon_bytes + status.file_bytes + status.shmem_bytes,
        cgroup=clean(cgroup, PATH_LIMIT),
        limit_bytes=None if folder is None else lowest_limit(folder, hierarchy.mount),
        address_space_bytes=int(limits[1]) if limits else None,
        arguments=arguments,
        variables={name: value for name, value in values.items() if value},
    )
