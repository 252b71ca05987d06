"""One gopls daemon for all jobs of a machine, and a fresh checkout for each job.

`gopls -remote=auto` starts the daemon with the first job, in that job's memory cgroup,
where it stays: what later jobs have it read is charged there. It keeps every file of a
checkout that it has read, also when the job's session was properly closed.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.gopls_install import gopls_binary, gopls_environment
from tests.support.gopls_session import WORKSPACE_LOADED
from tests.support.jsonrpc import ConnectionLostError
from tests.support.lsp import LanguageServer

_MIB = 1 << 20
_TEXT_MIB = 12  # of Go text in a checkout: golang.org/x/tools has 7
_JOBS = 90
_PAUSE_SECONDS = 1.0


def shared_daemon(group: MemoryCgroup, folder: Path, version: str = "v0.24.0") -> float:
    """gopls v0.24.0 -remote=auto: a job after the other, each with a checkout of its own."""
    with memory_cgroup() as elsewhere:
        began = time.monotonic()
        for number in jobs(group, elsewhere, folder, version):
            if number == 1:
                began = time.monotonic()
            if not group.pids():
                break  # the kernel ended it
    return began


def jobs(
    first: MemoryCgroup, later: MemoryCgroup, folder: Path, version: str, count: int = _JOBS
) -> Iterator[int]:
    """Runs one job after the other, the first of them in `first`; yields each as it is done.

    A job whose daemon was ended under it is done as well: the next one starts another.
    """
    environment = {
        **gopls_environment(version),
        "GOPLSCACHE": str(folder / "cache"),
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),  # where the daemon's socket is
        "TMPDIR": str(folder),
    }
    _switch_off_telemetry(folder)
    for number in range(count):
        checkout = _checkout(folder / f"checkout-{number}", number)
        argv: list[str | Path] = [gopls_binary(version), "-remote=auto"]
        group = later if number else first
        with (
            suppress(ConnectionLostError, BrokenPipeError),
            LanguageServer(argv, checkout, environment=environment, cgroup=group) as client,
        ):
            client.initialize()
            client.wait_for_progress(WORKSPACE_LOADED)
            client.open([checkout / "main.go"])
            client.wait_for_diagnostics([checkout / "main.go"])
            client.shut_down()
        shutil.rmtree(checkout)
        yield number
        time.sleep(_PAUSE_SECONDS)


def _checkout(folder: Path, number: int) -> Path:
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/m\n\ngo 1.21\n")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    line = f"// of job {number:04d}: {'x' * 108}\n"
    text = line * (_TEXT_MIB * _MIB // len(line))
    (folder / "generated.go").write_text(f"package main\n\n{text}\nconst Job = {number}\n")
    return folder


def _switch_off_telemetry(home: Path) -> None:
    """Else new versions start a monitor of crashes beside the daemon."""
    mode = home / ".config" / "go" / "telemetry" / "mode"
    mode.parent.mkdir(parents=True, exist_ok=True)
    mode.write_text("off")
