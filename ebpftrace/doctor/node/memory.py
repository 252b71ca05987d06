"""Memory cgroups, pressure and swap, and which actions they allow."""

from collections.abc import Iterator
from pathlib import Path

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.errors import EbpftraceError
from ebpftrace.host import meminfo
from ebpftrace.host.mounts import MemoryHierarchy, memory_hierarchy, mounts
from ebpftrace.host.pressure import kernel_has_pressure
from ebpftrace.text import clean
from ebpftrace.units import format_bytes

_AREA = "memory"
_TO_V2 = "boot with systemd.unified_cgroup_hierarchy=1, where systemd mounts the cgroups"


def check_memory(root: Path = Path("/")) -> Iterator[CheckResult]:
    """Which cgroup version, which controllers; PSI; swap."""
    try:
        hierarchy = memory_hierarchy(root)
    except EbpftraceError as error:
        yield CheckResult(_AREA, "cgroups", CheckState.ERROR, error.what, error.why, error.fix)
    else:
        yield from _cgroups(hierarchy, root)
        yield from _actions(hierarchy, root)
    yield from _pressure(root)
    yield from _swap(root)


def _cgroups(hierarchy: MemoryHierarchy, root: Path) -> Iterator[CheckResult]:
    version = "v1 and v2 (memory on v1)" if hierarchy.version == "hybrid" else hierarchy.version
    names = clean(" ".join(sorted(_controllers(hierarchy, root))), 200)
    seen = f"memory cgroups {version}; controllers: {names}"
    yield CheckResult(_AREA, "cgroups", CheckState.OK, seen)
    handed = _words(hierarchy.mount / "cgroup.subtree_control")
    if hierarchy.version == "v2" and "memory" not in handed:
        file = hierarchy.mount / "cgroup.subtree_control"
        yield CheckResult(
            _AREA, "subtree_control", CheckState.ERROR,
            "the root cgroup does not hand down the memory controller",
            "no job can have a limit, or be judged by its own memory",
            f"echo +memory > {clean(str(file))}",
        )  # fmt: skip


def _controllers(hierarchy: MemoryHierarchy, root: Path) -> set[str]:
    if hierarchy.version == "v2":
        return set(_words(hierarchy.mount / "cgroup.controllers"))
    known = {"memory", "freezer", "cpu", "cpuacct", "cpuset", "pids", "blkio", "devices"}
    options = (mount.options for mount in mounts(root) if mount.fstype == "cgroup")
    return {name for each in options for name in each & known}


def _actions(hierarchy: MemoryHierarchy, root: Path) -> Iterator[CheckResult]:
    unified = hierarchy.version == "v2"
    at_once = unified and kernel_has_pressure(root)
    reclaims = ("memory.reclaim", "memory.force_empty")[not unified]
    freezes = unified or "freezer" in _controllers(hierarchy, root)
    fails = "the step fails and says so, and the next one is taken"
    parts = (
        ("stalls", at_once, "PSI of each job's cgroup",
         "stalls are seen by tracepoints of reclaim, with each snapshot"),
        ("throttle", unified, "memory.high", fails),
        ("freeze", freezes, "a freezer for each cgroup",
         "freeze stops the processes of the step with SIGSTOP, others of the job run on"),
        ("reclaim", (hierarchy.mount / reclaims).exists(), reclaims, fails),
    )  # fmt: skip
    works = [name for name, there, _, _ in parts if there]
    if works:
        yield CheckResult(
            _AREA, "actions", CheckState.OK, f"work by cgroup: {', '.join(works)}"
        )
    for name, there, means, instead in parts:
        if not there:
            seen = f"{name}: there is no {means} here"
            fix = "" if unified else _TO_V2
            yield CheckResult(_AREA, name, CheckState.WARNING, seen, instead, fix)


def _pressure(root: Path) -> Iterator[CheckResult]:
    if kernel_has_pressure(root):
        seen = "the kernel measures pressure (PSI)"
        yield CheckResult(_AREA, "pressure", CheckState.OK, seen)
        return
    yield CheckResult(
        _AREA, "pressure", CheckState.WARNING, "the kernel measures no pressure (PSI)",
        "systemd-oomd does nothing without it, and no stall is reported at once",
        "boot with psi=1, and a kernel with CONFIG_PSI",
    )  # fmt: skip


def _swap(root: Path) -> Iterator[CheckResult]:
    try:
        total, free = meminfo.read_swap(root)
    except (OSError, KeyError):
        return
    if total:
        seen = f"{format_bytes(total)} of swap, {format_bytes(free)} free"
        yield CheckResult(_AREA, "swap", CheckState.OK, seen)
        return
    yield CheckResult(
        _AREA, "swap", CheckState.OK, "no swap",
        "pressure (PSI) stays near 0 on a leak until the OOM kill: judge by level and growth",
    )  # fmt: skip


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []
