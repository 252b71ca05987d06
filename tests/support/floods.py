"""Floods of events by an unprivileged user: tests/hostile/programs/flood.c in a cgroup."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.build import flood_binary
from tests.support.cgroups import MemoryCgroup
from tests.support.delegation import delegate, delegated


def hop(group: MemoryCgroup) -> Sequence[str]:
    """Arguments: between two cgroups that were delegated to the user."""
    files = []
    for name in ("here", "there"):
        (group.path / name).mkdir(exist_ok=True)
        files.append(delegate(MemoryCgroup(group.path / name, group.version)))
    return ["hop", *map(str, files)]


@contextmanager
def lasting(group: MemoryCgroup, argv: Sequence[str | Path]) -> Iterator[None]:
    """A program in this cgroup that runs until the end of the block, and must."""
    process = subprocess.Popen(argv)
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        group.remove()
        process.wait()


@contextmanager
def flood(
    group: MemoryCgroup, arguments: Sequence[str], program: Path | None = None
) -> Iterator[Callable[[], bool]]:
    """The flood, in this cgroup; yields whether it still lasts. `program`: by another name."""
    begin = delegated(group, makes_cgroups=arguments[0] == "hop")
    process = subprocess.Popen(begin.inside([program or flood_binary(), *arguments]))
    try:
        yield lambda: process.poll() is None
    finally:
        process.kill()
        group.remove()
        process.wait()
