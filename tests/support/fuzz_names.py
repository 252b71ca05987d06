"""What makes a job's name of the bytes that a job can choose, as functions of these."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from ebpftrace.act.policy.matching import explain
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.history.recurring import recurring_job
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.jobs import JobResolver
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.text import PATH_LIMIT, clean

PID = 4711
Reads = Sequence[Callable[[], object]]
_POLICY = Policy(
    "p", Match(comms=("*a*b*c",), cgroups=("*/x*",), units=("*",)), (), Mode.ANY, ()
)


class _OnePath:
    """Every cgroup has the path that is fuzzed, and an ordinary user its lower half or none."""

    def __init__(self, raw: bytes, owner: int) -> None:
        self._path, self._owner = clean(raw, PATH_LIMIT), owner

    def path(self, _cgroup_id: int) -> str:
        return self._path

    def given_part(self, path: str) -> tuple[str, int]:
        if not self._owner:
            return path, 0
        names = path.split("/")
        return "/".join(names[: len(names) // 2 + 1]), self._owner


def identity(folder: Path, raw: bytes) -> Reads:
    """The first line is the cgroup's path, the rest the environment."""
    path, _, environ = raw.partition(b"\n")
    (folder / f"proc/{PID}/environ").write_bytes(environ)
    (folder / f"proc/{PID}/mountinfo").write_bytes(raw)

    def resolve(owner: int, *, of_process: bool) -> None:
        resolver = JobResolver(cast(CgroupPaths, _OnePath(path, owner)), folder)
        of = resolver.resolve(PID, 7, 1) if of_process else resolver.of_cgroup(7)
        _check_identity(of)

    return [
        partial(resolve, owner, of_process=of_process)
        for owner in (0, 4294967294)
        for of_process in (True, False)
    ]


def given_part(folder: Path, raw: bytes) -> Reads:
    """Of a path, in a hierarchy where /ci/job is delegated to a user."""
    hierarchy = folder / "hierarchy"
    (hierarchy / "ci/job").mkdir(parents=True, exist_ok=True)
    (hierarchy / "ci/job").chmod(0o777)

    def given(root: str) -> object:
        path = clean(raw, PATH_LIMIT)
        paths = CgroupPaths(MemoryHierarchy("v2", hierarchy, root))
        given, _ = paths.given_part(path)
        assert given == path or "/".join(filter(None, path.split("/"))).startswith(given[1:])
        found = paths.folder(path)
        paths.close()
        return given, found

    return [partial(given, root) for root in ("/", "/ci", "/..")]


def _check_identity(job: JobIdentity) -> None:
    shown = (job.key, job.name, job.identified_by, job.cgroup, job.restart_key, job.recurring)
    assert all(text.isprintable() for text in shown)
    assert len(job.name) <= 64
    recurring_job(job), recurring_job(job, "image x"), explain([_POLICY], "sh", job)
