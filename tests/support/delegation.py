"""Cgroups that an unprivileged user makes in a cgroup that was delegated to it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.cgroups import MemoryCgroup, write
from tests.support.floods import UNPRIVILEGED

_AS_USER = ("setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups")


@contextmanager
def made_below(group: MemoryCgroup, below: str) -> Iterator[MemoryCgroup]:
    """The innermost of them, by a path from `group` on, with a memory controller.

    In the end all is removed, with `group` and what runs there.
    """
    os.chown(group.path, UNPRIVILEGED, UNPRIVILEGED)
    folder = group.path
    try:
        for part in below.split("/"):
            if group.version == 2:
                write(folder / "cgroup.subtree_control", "+memory")
            folder /= part
            subprocess.run([*_AS_USER, "mkdir", folder], check=True, cwd="/")
        yield MemoryCgroup(folder, group.version)
    finally:
        group.remove()
