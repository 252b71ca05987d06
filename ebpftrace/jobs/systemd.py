"""systemd units, by the innermost service or scope in the cgroup path, else the slice.

/system.slice/actions.runner.service, /user.slice/user-1000.slice/session-3.scope; a unit
may have cgroups of its own below it. Source: systemd.io/CGROUP_DELEGATION,
systemd.slice(5), systemd.scope(5).

A service is one job however often it is started: systemd removes its cgroup when it stops
and makes another, but the count of its restarts must continue. A cgroup below it, a scope
or a slice is a new job each time.
"""

import re

from ebpftrace.jobs.ci.run import NAME_WIDTH
from ebpftrace.jobs.location import JobLocation
from ebpftrace.text import clean

KINDS = ("systemd",)

_UNIT = re.compile(r".+\.(service|scope|socket|mount|swap)")


def units(path: str) -> tuple[str, ...]:
    """The units and slices on a cgroup's path, the outermost first."""
    parts = path.split("/")
    return tuple(part for part in parts if _UNIT.fullmatch(part) or part.endswith(".slice"))


def locate(path: str) -> JobLocation | None:
    """The innermost unit on the path, with the cgroups below it; None without a unit."""
    parts = [part for part in path.split("/") if part]
    for index in range(len(parts) - 1, -1, -1):
        if _UNIT.fullmatch(parts[index]):
            below = "/".join(parts[index + 1 :])
            name = f"{parts[index]}/{below}" if below else parts[index]
            return JobLocation(
                "systemd",
                clean(name, NAME_WIDTH),
                "systemd unit in the cgroup path",
                same_job_after_restart=not below and name.endswith(".service"),
            )
    for part in reversed(parts):
        if part.endswith(".slice"):
            return JobLocation(
                "systemd", clean(part, NAME_WIDTH), "systemd slice in the cgroup path"
            )
    return None
