"""Floods of events by an unprivileged user: tests/hostile/flood.c in a cgroup."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.support.build import flood_binary
from tests.support.cgroups import MemoryCgroup, write

UNPRIVILEGED = 65534


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
    for path in (group.path, group.path / "cgroup.procs", begin.path / "cgroup.procs"):
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    return begin


def hop(group: MemoryCgroup) -> Sequence[str]:
    """Arguments: between two cgroups that were delegated to the user."""
    files = [group.path / name / "cgroup.procs" for name in ("here", "there")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        os.chown(file, UNPRIVILEGED, UNPRIVILEGED)
    return ["hop", *map(str, files)]


@contextmanager
def flood(group: MemoryCgroup, arguments: Sequence[str]) -> Iterator[Callable[[], bool]]:
    """The flood, in this cgroup; yields whether it still lasts."""
    begin = delegated(group, makes_cgroups=arguments[0] == "hop")
    process = subprocess.Popen(begin.inside([flood_binary(), *arguments]))
    try:
        yield lambda: process.poll() is None
    finally:
        process.kill()
        group.remove()
        process.wait()
