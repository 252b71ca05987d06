"""A user without privileges, and the cgroups that are delegated to it, as to a runner's job."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.cgroups import MemoryCgroup, write
from tests.support.process_state import until

UNPRIVILEGED = 65534
_AS_USER = ("setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups")
_DELEGATED = (".", "cgroup.procs", "tasks", "cgroup.threads", "cgroup.subtree_control")
"""What cgroup v1 and v2 give to a user together: `systemd` does the same."""


def as_user(argv: Sequence[str | Path]) -> list[str]:
    """The command line that becomes the user, and then `argv`."""
    return [*_AS_USER, *map(str, argv)]


def run_as_user(*argv: str | Path) -> None:
    """Run a program of the user's to its end; CalledProcessError if it fails."""
    subprocess.run(as_user(argv), check=True, cwd="/")


@contextmanager
def running_as_user(argv: Sequence[str | Path]) -> Iterator[None]:
    """A user's program, which writes a line once it is ready and does not end by itself."""
    process = subprocess.Popen(as_user(argv), cwd="/", stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def delegate(group: MemoryCgroup) -> Path:
    """Give the cgroup to the user; returns the file by which processes are moved into it."""
    for name in _DELEGATED:
        with suppress(FileNotFoundError):
            os.chown(group.path / name, UNPRIVILEGED, UNPRIVILEGED)
    return group.path / "cgroup.procs"


def delegated(group: MemoryCgroup, *, makes_cgroups: bool = True) -> MemoryCgroup:
    """Give the cgroup to the user; returns where its processes are to begin.

    On v2 that is one below if the user makes cgroups, which shall have memory controllers: the
    cgroup itself may have no processes then.
    """
    begin = group
    if group.version == 2 and makes_cgroups:
        write(group.path / "cgroup.subtree_control", "+memory")
        (group.path / "begin").mkdir(exist_ok=True)
        begin = MemoryCgroup(group.path / "begin", 2)
        delegate(begin)
    delegate(group)
    return begin


@contextmanager
def made_below(group: MemoryCgroup, below: str) -> Iterator[MemoryCgroup]:
    """The innermost of the user's cgroups, by a path from `group` on, with a memory controller.

    In the end all is removed, with `group` and what runs there.
    """
    delegate(group)
    folder = group.path
    try:
        for part in below.split("/"):
            if group.version == 2:
                write(folder / "cgroup.subtree_control", "+memory")
            folder /= part
            run_as_user("mkdir", folder)
        yield MemoryCgroup(folder, group.version)
    finally:
        group.remove()


def pids_below(folder: Path) -> list[int]:
    """All that run in the cgroup and below it."""
    found: list[int] = []
    for _, _, _, fd in os.fwalk(folder):
        procs = os.open("cgroup.procs", os.O_RDONLY, dir_fd=fd)
        with os.fdopen(procs, encoding="utf-8") as file:
            found += map(int, file.read().split())
    return found


def remove_below(group: MemoryCgroup) -> None:
    """Remove the cgroups below, whose processes were killed; their paths may be too long."""
    for _, names, _, fd in os.fwalk(group.path, topdown=False):
        for name in names:
            until(lambda name=name, fd=fd: _is_removed(name, fd))  # type: ignore[misc]


def _is_removed(name: str, fd: int) -> bool:
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError:
        return False  # the process that was killed is still in it
    return True
