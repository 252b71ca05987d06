"""systemd units, by the innermost service or scope in the cgroup path, else the slice.

/system.slice/actions.runner.service, /user.slice/user-1000.slice/session-3.scope; a unit
may keep cgroups of its own below it. Source: systemd.io/CGROUP_DELEGATION,
systemd.slice(5), systemd.scope(5).

A service is one job, however often it is started: systemd removes its cgroup when it stops
and makes another, and who counts its restarts must not begin anew. What it keeps below, a
scope and a slice are others each time.
"""

import re

from ebpftrace.jobs.location import JobLocation
from ebpftrace.jobs.run import NAME_WIDTH
from ebpftrace.text import clean

_UNIT = re.compile(r".+\.(service|scope|socket|mount|swap)")


def units(path: str) -> tuple[str, ...]:
    """The units and slices on a cgroup's path, the outermost first."""
    parts = path.split("/")
    return tuple(part for part in parts if _UNIT.fullmatch(part) or part.endswith(".slice"))


def locate(path: str) -> JobLocation | None:
    parts = [part for part in path.split("/") if part]
    for index in range(len(parts) - 1, -1, -1):
        if _UNIT.fullmatch(parts[index]):
            below = "/".join(parts[index + 1 :])
            name = f"{parts[index]}/{below}" if below else parts[index]
            lasts = not below and name.endswith(".service")
            by = "systemd unit in the cgroup path"
            return JobLocation("systemd", clean(name, NAME_WIDTH), by, lasts)
    for part in reversed(parts):
        if part.endswith(".slice"):
            return JobLocation(
                "systemd", clean(part, NAME_WIDTH), "systemd slice in the cgroup path"
            )
    return None
