"""The CI jobs that run now, and gopls: their limits, and which share a memory cgroup."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.errors import NotPermittedError
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.proc import read_stat
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.resolver import JobResolver
from ebpftrace.text import clean
from ebpftrace.units import format_bytes

_AREA = "jobs"
_MOST_PROCESSES = 16_384
_MOST_NAMED = 4
_NO_LIMIT = 1 << 60  # v1 shows a limit that is not set as nearly 2^63
_FIX = "ebpftrace run --memory 2GiB -- COMMAND gives each command a limited cgroup of its own"


class NodeJob(NamedTuple):
    """A CI run, or what a gopls runs in; `limit_bytes` is the lowest on the way to the root."""

    job: JobIdentity
    limit_bytes: int | None


def running_jobs(hierarchy: MemoryHierarchy, root: Path = Path("/")) -> list[NodeJob]:
    """Those with a living process, each once. What may not be read is left out."""
    paths = CgroupPaths(hierarchy)
    try:
        resolver = JobResolver(paths, root)
        found: dict[str, NodeJob] = {}
        for pid in islice(pids(root), _MOST_PROCESSES):
            job = _ci_or_gopls(pid, paths, resolver, root)
            if job is not None and job.key not in found:
                folder = paths.folder(job.cgroup)
                limit = None if folder is None else lowest_limit(folder, hierarchy.mount)
                found[job.key] = NodeJob(job, limit)
        return list(found.values())
    finally:
        paths.close()


def check_jobs(jobs: Sequence[NodeJob], machine_bytes: int) -> Iterator[CheckResult]:
    """Limits that are missing or above the machine's memory, and cgroups that jobs share."""
    machine = format_bytes(machine_bytes)
    if not jobs:
        yield CheckResult(_AREA, "limits", CheckState.OK, "no CI job and no gopls runs now")
        return
    without = [each for each in jobs if each.limit_bytes is None]
    above = [each for each in jobs if each.limit_bytes and each.limit_bytes >= machine_bytes]
    if without:
        yield CheckResult(
            _AREA, "limits", CheckState.WARNING,
            f"{_number(without)} without a memory limit: {_names(without)}",
            f"a leak there takes the machine's {machine}, and the OOM killer may end a process "
            "of any job",
            _FIX,
        )  # fmt: skip
    if above:
        yield CheckResult(
            _AREA, "limits", CheckState.WARNING,
            f"{_number(above)} with a limit that is no lower than the machine's {machine}: "
            f"{_names(above)}",
            "the machine is full before that limit is reached",
            _FIX,
        )  # fmt: skip
    if not without and not above:
        seen = f"{_number(jobs)}, each with a limit below the machine's {machine}"
        yield CheckResult(_AREA, "limits", CheckState.OK, seen)
    yield from _shared(jobs)


def _shared(jobs: Sequence[NodeJob]) -> Iterator[CheckResult]:
    by_cgroup: dict[int, list[NodeJob]] = {}
    for each in jobs:
        if each.job.is_run:
            by_cgroup.setdefault(each.job.cgroup_id, []).append(each)
    for together in by_cgroup.values():
        if len(together) > 1:
            yield CheckResult(
                _AREA, "shared", CheckState.WARNING,
                f"{len(together)} CI runs share the memory cgroup "
                f"{clean(together[0].job.cgroup, 200)}: {_names(together)}",
                "they have one limit and one restart budget together: a leak of one may end a "
                "process of another",
                _FIX,
            )  # fmt: skip


def _number(jobs: Sequence[NodeJob]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"


def _names(jobs: Sequence[NodeJob]) -> str:
    names = [clean(each.job.name, 60) for each in jobs[:_MOST_NAMED]]
    more = len(jobs) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _ci_or_gopls(
    pid: int, paths: CgroupPaths, resolver: JobResolver, root: Path
) -> JobIdentity | None:
    """The job, if it is a CI run or the process is a gopls."""
    try:
        job = job_of(pid, paths, resolver, root)
        if job is None or job.is_run:
            return job
        stat = read_stat(pid, root / "proc")
    except (OSError, NotPermittedError):
        return None
    return job if stat is not None and stat.comm == "gopls" else None


def job_of(
    pid: int, paths: CgroupPaths, resolver: JobResolver, root: Path
) -> JobIdentity | None:
    """The job of a living process; OSError, NotPermittedError if it may not be read."""
    stat = read_stat(pid, root / "proc")
    path = None if stat is None or stat.state in "ZX" else memory_cgroup(pid, root)
    cgroup_id = None if path is None else paths.id(path)
    if stat is None or cgroup_id is None:
        return None
    return resolver.resolve(pid, cgroup_id, stat.parent_pid)


def pids(root: Path) -> Iterator[int]:
    """All processes."""
    for entry in (root / "proc").iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def lowest_limit(folder: Path, mount: Path) -> int | None:
    """The lowest limit of a memory cgroup and those above it, in bytes; None without one."""
    limits = []
    for each in (folder, *folder.parents):
        limits += [_read(each / name) for name in ("memory.max", "memory.limit_in_bytes")]
        if each == mount:
            break
    return min((limit for limit in limits if limit is not None), default=None)


def _read(file: Path) -> int | None:
    try:
        limit = int(file.read_bytes())
    except (OSError, ValueError):  # v2 has "max"
        return None
    return limit if limit < _NO_LIMIT else None
