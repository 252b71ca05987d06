"""A scope of systemd that is delegated to this process, as `systemd-run --scope` makes one.

An ordinary user may make no cgroup, but may ask the systemd of its own session for one.
Sources: org.freedesktop.systemd1(5), systemd.resource-control(5), systemd's
CGROUP_DELEGATION.
"""

import os
import time
from pathlib import Path
from typing import Any

from ebpftrace.errors import EbpftraceError
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.systemd import MANAGER, PATH, SystemdManager

_MOVED_SECONDS = 5.0
_OWN = "run"


def enter_scope() -> bool:
    """Move this process into a cgroup below a new scope of its user; whether that was done.

    The scope is removed by systemd once it is empty. Only cgroup v2 can be delegated.
    """
    uid = os.geteuid()
    bus = Path(f"/run/user/{uid}/bus")
    try:
        hierarchy = memory_hierarchy()
        if hierarchy.version != "v2" or (uid and not bus.exists()):
            return False
        name = f"ebpftrace-run-{os.getpid()}.scope"
        _ask(f"unix:path={bus}" if uid else "SYSTEM", name)
        path = _moved(name)
        if path is None:
            return False
        paths = CgroupPaths(hierarchy)
        try:
            folder = paths.folder(path)
        finally:
            paths.close()
        if folder is None:
            return False
        # A cgroup with processes has no memory cgroups below it.
        (folder / _OWN).mkdir()
        (folder / _OWN / "cgroup.procs").write_text("0", encoding="ascii")
    except (EbpftraceError, OSError, ValueError):
        return False
    return True


def _ask(bus: str, name: str) -> None:
    properties = [
        ("PIDs", ("au", [os.getpid()])),
        ("Delegate", ("b", True)),
        ("Description", ("s", "a command of ebpftrace run")),
        ("CollectMode", ("s", "inactive-or-failed")),
    ]
    body: tuple[Any, ...] = (name, "fail", properties, [])
    with SystemdManager(bus) as manager:
        manager.call(PATH, MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", body)


def _moved(name: str) -> str | None:
    """The path of our cgroup once it is the scope's; None if that does not come."""
    end = time.monotonic() + _MOVED_SECONDS
    while time.monotonic() < end:
        path = memory_cgroup(os.getpid())
        if path is not None and path.endswith(f"/{name}"):
            return path
        time.sleep(0.005)
    return None
