"""What a watch costs a real gopls: sessions on a real module, with and without it."""

import contextlib
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Row, Table
from bench.observers import ebpftrace, running
from bench.scale import Scale
from tests.support.cgroups import memory_cgroup
from tests.support.gomodule import MODULE, VERSION, ModuleMissingError, module_workspace
from tests.support.gopls_install import GoplsMissingError, gopls_binary, gopls_environment
from tests.support.gopls_session import OPENED, Gopls, drive

GOPLS = "v0.24.0"
_ALONE, _WATCHED = "without ebpftrace", "ebpftrace watch --comm gopls --children"
_CALLS = "… with --mapping-calls"


def measure(scale: Scale) -> Iterator[Table]:
    """Wall and CPU time of sessions with a warm file cache; the first, cold, is not counted."""
    title = f"gopls {GOPLS} on {MODULE} {VERSION}: {OPENED} files, {scale.gopls_edits} edits"
    with tempfile.TemporaryDirectory(prefix="ebpftrace-bench-") as folder:
        try:
            gopls = _prepare(Path(folder))
        except (GoplsMissingError, ModuleMissingError) as error:
            yield Table("gopls", title, "s", (Row(_ALONE, remark=str(error)),))
            return
        wall, cpu = _rounds(gopls, scale)
    for what, samples in (("wall time", wall), ("CPU time, children included", cpu)):
        rows = tuple(Row(label, tuple(taken)) for label, taken in samples.items())
        yield Table("gopls", f"{what} of {title}", "s", rows, against=_ALONE)


def _rounds(
    gopls: Gopls, scale: Scale
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    options = ("--comm", "gopls", "--children")
    observers = {
        _ALONE: None,
        _WATCHED: ebpftrace(_WATCHED, *options),
        _CALLS: ebpftrace(_CALLS, *options, "--mapping-calls"),
    }
    wall: dict[str, list[float]] = {label: [] for label in observers}
    cpu: dict[str, list[float]] = {label: [] for label in observers}
    _session(gopls, scale.gopls_edits)
    for number in range(scale.gopls_rounds):
        turn = list(observers.items())
        for label, observer in turn if number % 2 == 0 else turn[::-1]:
            with running(observer) if observer else contextlib.nullcontext():
                seconds, cpu_seconds = _session(gopls, scale.gopls_edits)
            wall[label].append(seconds)
            cpu[label].append(cpu_seconds)
    return wall, cpu


def _prepare(folder: Path) -> Gopls:
    environment = {**gopls_environment(GOPLS), "GOPLSCACHE": str(folder / "cache")}
    workspace = module_workspace(folder / "workspace", environment)
    return Gopls(GOPLS, gopls_binary(GOPLS), workspace, environment)


def _session(gopls: Gopls, edits: int) -> tuple[float, float]:
    """Wall and CPU seconds from the start of the server to its end."""
    with memory_cgroup() as cgroup:
        cpu = _children_cpu()
        began = time.monotonic()
        with gopls.server(cgroup) as server:
            drive(server, gopls.files, edits)
        return time.monotonic() - began, _children_cpu() - cpu


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
