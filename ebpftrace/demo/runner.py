"""A job's runner: starts its gopls, and restarts it when it ends.

`python -m ebpftrace.demo.runner ROLE FOLDER [GOPLS GO_FOLDER]`, in the job's cgroup and
with its CI variables. Messages for the user go to stdout, a line each.
"""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from ebpftrace.demo import standin
from ebpftrace.demo.client import work
from ebpftrace.demo.lsp import LspSession, SessionEnded
from ebpftrace.demo.process import die_with
from ebpftrace.demo.workspace import write_module

_PAUSE_SECONDS = 2.0
_ANSWER_SECONDS = 30.0


def report(returncode: int) -> None:
    """Print how a gopls ended; `returncode` as in subprocess."""
    how = f"was killed (signal {-returncode})" if returncode < 0 else f"ended ({returncode})"
    print(f"gopls {how}; the runner restarts it", flush=True)


def run_standin(role: str, folder: Path) -> None:
    """Run the stand-in until it ends."""
    name = folder / "gopls"
    if not name.is_symlink():
        # A process has the name of the file it executed: gopls.
        name.symlink_to(Path(sys.executable).resolve())
        (folder / "standin.py").symlink_to(standin.__file__)
    command: list[str | Path] = [name, "-I", "-S", "standin.py", role]
    report(
        subprocess.call(
            command,
            cwd=folder,  # a command line short enough to be shown
            stdin=subprocess.DEVNULL,
            preexec_fn=partial(die_with, os.getpid(), signal.SIGKILL),
        )
    )


def run_gopls(role: str, folder: Path, gopls: Path, go_folder: Path) -> bool:
    """Run one session of a real gopls until it ends. False if it never answered."""
    workspace = folder / "module"
    workspace.mkdir(exist_ok=True)
    write_module(workspace)
    _switch_off_telemetry(folder)
    environment = {
        **os.environ,
        "PATH": f"{go_folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOMAXPROCS": "1",  # a demo does not need the whole machine
    }
    session = LspSession([gopls], environment, workspace)
    opened = False
    try:
        opened = session.initialize(_ANSWER_SECONDS)
        if opened:
            work(role, session, workspace)
    except SessionEnded as end:
        report(end.returncode)
    finally:
        session.close()
    return opened


def _switch_off_telemetry(home: Path) -> None:
    """With telemetry gopls starts a second process of its name, a crash monitor."""
    mode = home / ".config" / "go" / "telemetry" / "mode"
    mode.parent.mkdir(parents=True, exist_ok=True)
    mode.write_text("off")


def main() -> None:
    role, folder, *tools = sys.argv[1], Path(sys.argv[2]), *map(Path, sys.argv[3:])
    real = len(tools) == 2
    while True:
        if not real:
            run_standin(role, folder)
        elif not run_gopls(role, folder, *tools):
            print("gopls did not start; a stand-in replaces it", flush=True)
            real = False
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
