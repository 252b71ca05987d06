"""Where a process runs when nothing better is known: the cgroup itself, or the host."""

from ebpftrace.host.cgroups import ROOT_ID
from ebpftrace.jobs.ci.run import NAME_WIDTH
from ebpftrace.jobs.location import JobLocation

KINDS = ("cgroup", "host")


def locate(path: str, cgroup_id: int) -> JobLocation:
    """The cgroup by the end of its path; the root of the hierarchy is the host."""
    if path == "/" and cgroup_id == ROOT_ID:
        return JobLocation("host", "host", "root of the memory cgroups")
    if path == "/":
        return JobLocation("cgroup", f"cgroup {cgroup_id}", "root of this cgroup namespace")
    name = path.strip("/")
    if len(name) > NAME_WIDTH:
        name = "…" + name[-(NAME_WIDTH - 1) :]
    return JobLocation("cgroup", name, "memory cgroup path")


def locate_removed(cgroup_id: int) -> JobLocation:
    """A cgroup that was removed before its path was read."""
    return JobLocation(
        "cgroup", f"cgroup {cgroup_id}", "memory cgroup id; removed, path unknown"
    )
