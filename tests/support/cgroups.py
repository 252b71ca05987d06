"""Memory cgroups of the tests' own, on cgroup v1 and v2, and always removed again."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import enter_binary
from tests.support.patience import patient

REMOVAL_SECONDS = patient(30.0)
PREFIX = "ebpftrace-test-"
_RUN = "EBPFTRACE_TEST_RUN"


class NoMemoryCgroupError(Exception):
    """No memory cgroup can be made on this machine (or in this container); says why."""


@cache
def memory_hierarchy() -> tuple[Path, int]:
    """Where memory cgroups are made, and the cgroup version (1 or 2) there.

    On v2 the memory controller is handed down to the children of the root, which is an
    error of NoMemoryCgroupError inside a container whose root has processes of its own.
    """
    v2: Path | None = None
    with Path("/proc/self/mountinfo").open(encoding="utf-8") as mounts:
        for mount in mounts:
            before, _, after = mount.partition(" - ")
            folder = Path(before.split()[4])
            filesystem, _, options = after.split()[:3]
            if filesystem == "cgroup" and "memory" in options.split(","):
                return folder, 1
            if filesystem == "cgroup2":
                v2 = folder
    if v2 is None or "memory" not in (v2 / "cgroup.controllers").read_text().split():
        raise NoMemoryCgroupError("no cgroup hierarchy here has the memory controller")
    if "memory" not in (v2 / "cgroup.subtree_control").read_text().split():
        try:
            write(v2 / "cgroup.subtree_control", "+memory")
        except OSError as error:
            raise NoMemoryCgroupError(f"{v2} does not hand down memory: {error}") from error
    return v2, 2


def require_v2() -> None:
    """Skip, with the reason, where the memory controller is on v1."""
    if memory_hierarchy()[1] != 2:
        pytest.skip("the memory controller is on cgroup v1 here; `make test-vm` has v2")


def write(path: Path, value: str | int) -> None:
    """Write a cgroup file; OSError if the kernel refuses.

    The kernel refuses at the write itself, which a buffered file does only as it is
    closed, and swallows if it is left to the garbage collector.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(str(value))


class MemoryCgroup:
    """A memory cgroup: `path` is its folder, `id` the number the kernel knows it by."""

    def __init__(self, path: Path, version: int) -> None:
        self.path = path
        self.version = version
        self.id = path.stat().st_ino

    @property
    def name(self) -> str:
        """The cgroup as /proc/PID/cgroup has it: `/ebpftrace-test-…`."""
        return f"/{self.path.relative_to(memory_hierarchy()[0])}"

    def add(self, pid: int) -> None:
        """Move a process here, as it runs."""
        write(self.path / "cgroup.procs", pid)

    def inside(self, argv: Sequence[str | Path]) -> list[str]:
        """The command line that enters this cgroup and then becomes `argv`."""
        return [str(enter_binary()), str(self.path), *map(str, argv)]

    def run(self, argv: Sequence[str | Path], **popen: Any) -> subprocess.Popen[bytes]:
        """Start a program that is in this cgroup from its first instruction on.

        Returns when it is in the cgroup, or has ended already.
        """
        process = subprocess.Popen(self.inside(argv), **popen)
        while process.poll() is None and process.pid not in self.pids():
            time.sleep(0.001)
        return process

    def pids(self) -> list[int]:
        """The processes in this very cgroup."""
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def limit(self, limit_bytes: int) -> None:
        """Set the limit on memory."""
        name = "memory.limit_in_bytes" if self.version == 1 else "memory.max"
        write(self.path / name, limit_bytes)

    def charge_bytes(self) -> int:
        """What the kernel charges the cgroup for, page cache included."""
        name = "memory.usage_in_bytes" if self.version == 1 else "memory.current"
        return int((self.path / name).read_text())

    def oom_kills(self) -> int:
        """How many processes the kernel's OOM killer ended in here."""
        name = "memory.oom_control" if self.version == 1 else "memory.events.local"
        fields = dict(line.split() for line in (self.path / name).read_text().splitlines())
        return int(fields["oom_kill"])

    def limit_hits(self) -> int:
        """How often a charge met the limit."""
        if self.version == 1:
            return int((self.path / "memory.failcnt").read_text())
        lines = (self.path / "memory.events").read_text().splitlines()
        return int(dict(line.split() for line in lines)["max"])

    def remove(self) -> None:
        """End what still runs in here and in the cgroups below, then remove them all.

        The kernel frees a killed process's memory before the cgroup counts as empty, so
        this asks again until it is; TimeoutError after ten seconds.
        """
        deadline = time.monotonic() + REMOVAL_SECONDS
        while self.path.exists():
            try:
                for folder, _, _ in os.walk(self.path, topdown=False):
                    self._kill(Path(folder))
                    Path(folder).rmdir()
            except OSError as error:  # busy, or it went meanwhile
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.path} could not be removed") from error
                time.sleep(0.01)

    @staticmethod
    def _kill(folder: Path) -> None:
        for pid in (folder / "cgroup.procs").read_text().split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended in the meantime


@contextmanager
def memory_cgroup(
    limit: int | None = None,
    name: str | None = None,
    parent: MemoryCgroup | None = None,
    *,
    hand_down: bool = True,
) -> Iterator[MemoryCgroup]:
    """A fresh memory cgroup, `ebpftrace-test-<random>` unless named, for as long as needed.

    `name` may have slashes, to look like a container's or a unit's path; the first part
    is made unique all the same, so that nothing of the machine's own is ever touched.

    On v2 a `parent` hands the memory controller down, and can then have no processes of
    its own. Without `hand_down` it keeps it, and is charged for what is below.
    """
    root, version = memory_hierarchy()
    if parent is not None and version == 2 and hand_down:
        write(parent.path / "cgroup.subtree_control", "+memory")
    top = _make_top(parent.path if parent else root)
    outermost = MemoryCgroup(top, version)
    try:
        group = MemoryCgroup(
            _make_below(top, name.split("/") if name else [], version), version
        )
        if limit is not None:
            group.limit(limit)
        yield group
    finally:
        if top.exists():  # a test may have removed it, to see what that does
            outermost.remove()


def remove_leftovers() -> list[str]:
    """Remove the cgroups that this test session left behind; their names."""
    try:
        root, version = memory_hierarchy()
    except NoMemoryCgroupError:
        return []
    left = sorted(root.glob(f"{PREFIX}{_run()}*"))
    for path in left:
        MemoryCgroup(path, version).remove()
    return [path.name for path in left]


def begin_run() -> None:
    """Name the cgroups of this session, and of the processes it starts, after it."""
    os.environ[_RUN] = secrets.token_hex(2)


def _run() -> str:
    return os.environ.setdefault(_RUN, secrets.token_hex(2))


def _make_top(parent: Path) -> Path:
    """A cgroup with a fresh name; FileNotFoundError where the parent is gone."""
    while True:
        path = parent / f"{PREFIX}{_run()}{secrets.token_hex(2)}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path


def _make_below(folder: Path, below: Sequence[str], version: int) -> Path:
    for part in below:
        if version == 2:
            write(folder / "cgroup.subtree_control", "+memory")
        folder /= part
        folder.mkdir()
    return folder
