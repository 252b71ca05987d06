"""Real work that looks like a leak, and real gopls with one that is: what a job runs.

Each runs in the cgroup it is given and works in the folder; a driver with a leak returns
when it began, on CLOCK_MONOTONIC in seconds.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.gomodule import module_workspace
from tests.support.gopls_install import gopls_binary, gopls_environment
from tests.support.gopls_session import WORKSPACE_LOADED, Gopls, drive
from tests.support.workload import Workload

OLD, NEW = "v0.14.2", "v0.24.0"
_MIB = 1 << 20
_LONGEST_SECONDS = 100.0
_REWRITES = 90
_SETTLED_SECONDS = 2.2  # gopls trusts a file's mtime only when it is older than 2 s


def go_build(group: MemoryCgroup, folder: Path) -> None:
    """go build of golang.org/x/tools with an empty build cache: compilers and linkers."""
    _go(group, folder, ["go", "build", "-p", "2", "-o", os.devnull, "./..."])


def go_vet(group: MemoryCgroup, folder: Path) -> None:
    """go vet of golang.org/x/tools with an empty build cache."""
    _go(group, folder, ["go", "vet", "-p", "2", "./..."])


def compile_c(group: MemoryCgroup, folder: Path) -> None:
    """gcc and ld of a generated program, twice: each compilation a steep climb."""
    for part in range(3):
        lines = [f"int f{part}_{n}(int a) {{ return a * {n} + (a >> {n % 30}); }}"
                 for n in range(4_000)]  # fmt: skip
        (folder / f"part{part}.c").write_text("\n".join(lines))
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    for _ in range(2):
        for part in range(3):
            _run(group, folder, ["gcc", "-O2", "-g", "-c", f"part{part}.c"])
        _run(group, folder, ["gcc", "-o", "whole", "main.c", *(f"part{n}.o" for n in range(3))])


def burst_new(group: MemoryCgroup, folder: Path) -> None:
    """gopls v0.24.0, cold cache, on golang.org/x/tools: open 50 files, edit, stay."""
    _session(group, folder, NEW)


def burst_old(group: MemoryCgroup, folder: Path) -> None:
    """gopls v0.14.2, cold cache, on golang.org/x/tools: open 50 files, edit, stay."""
    _session(group, folder, OLD)


def warm(group: MemoryCgroup, folder: Path) -> None:
    """gopls v0.24.0 on golang.org/x/tools, its file cache filled by a session before."""
    with memory_cgroup() as elsewhere:
        _session(elsewhere, folder, NEW, rest_seconds=0)
    _session(group, folder, NEW)


def rewrite(group: MemoryCgroup, folder: Path) -> float:
    """gopls v0.24.0 on a small module: a big file replaced by rename, again and again."""
    environment = {**gopls_environment(NEW), "GOPLSCACHE": str(folder / "cache")}
    module = folder / "module"
    module.mkdir()
    (module / "go.mod").write_text("module example.com/m\n\ngo 1.21\n")
    (module / "main.go").write_text("package main\n\nfunc main() {}\n")
    big, fresh = module / "big.go", folder / "big.go"
    text = "// " + "x" * 120 + "\n"

    def replace(number: int) -> None:
        head = f"package main\n\n// Version is {number}.\nconst Version = {number}\n"
        fresh.write_text(head + text * (12 * _MIB // len(text)))
        settled = time.time() - 10
        os.utime(fresh, (settled, settled + number / 1000))
        fresh.rename(big)

    replace(0)
    gopls = Gopls(NEW, gopls_binary(NEW), module, environment)
    with gopls.server(group) as server:
        server.initialize()
        server.wait_for_progress(WORKSPACE_LOADED)
        server.open([module / "main.go"])
        server.wait_for_diagnostics([module / "main.go"])
        time.sleep(15)
        began = time.monotonic()
        for number in range(1, _REWRITES):
            replace(number)
            server.files_changed([big])
            time.sleep(1)
            if server.process.poll() is not None:
                break
    return began


def moves(group: MemoryCgroup, folder: Path) -> None:
    """A process of 200 MiB moved to a cgroup beside its own and back, ten times."""
    path = group.path.with_name("beside")
    path.mkdir()
    beside = MemoryCgroup(path, group.version)
    with Workload("mover", cgroup=group) as mover:
        mover.do("map 200MiB")
        mover.do("touch 0")
        for _ in range(10):
            time.sleep(2)
            beside.add(mover.pid)
            time.sleep(2)
            group.add(mover.pid)


def _session(
    group: MemoryCgroup, folder: Path, version: str, rest_seconds: float = 30.0
) -> None:
    environment = {**gopls_environment(version), "GOPLSCACHE": str(folder / "cache")}
    workspace = folder / "workspace"
    if not workspace.exists():
        module_workspace(workspace, environment)
    gopls = Gopls(version, gopls_binary(version), workspace, environment)
    with gopls.server(group) as server:
        drive(server, gopls.files, before_shutdown=lambda: time.sleep(rest_seconds))


def _go(group: MemoryCgroup, folder: Path, argv: Sequence[str]) -> None:
    workspace = module_workspace(folder / "workspace")
    environment = {**os.environ, "GOCACHE": str(folder / "cache")}
    _run(group, workspace, argv, environment)


def _run(
    group: MemoryCgroup, folder: Path, argv: Sequence[str], env: Mapping[str, str] | None = None
) -> None:
    """Run it for 100 s at most; what it leaves running ends with the cgroup."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            group.inside(argv),
            cwd=folder,
            env=env,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_SECONDS,
        )
