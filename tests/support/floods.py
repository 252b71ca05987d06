"""A flood of events by an unprivileged user: tests/hostile/flood.c in a cgroup."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.support.build import flood_binary
from tests.support.cgroups import MemoryCgroup

_UNPRIVILEGED = 65534


def hop(group: MemoryCgroup) -> Sequence[str]:
    """Arguments: between two cgroups that were delegated to the user."""
    files = [group.path / name / "cgroup.procs" for name in ("here", "there")]
    for file in (group.path / "cgroup.procs", *files):
        file.parent.mkdir(exist_ok=True)
        os.chown(file, _UNPRIVILEGED, _UNPRIVILEGED)
    return ["hop", *map(str, files)]


@contextmanager
def flood(group: MemoryCgroup, arguments: Sequence[str]) -> Iterator[Callable[[], bool]]:
    """The flood, in this cgroup; yields whether it still lasts."""
    process = subprocess.Popen(group.inside([flood_binary(), *arguments]))
    try:
        yield lambda: process.poll() is None
    finally:
        process.kill()
        group.remove()
        process.wait()
