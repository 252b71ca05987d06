"""`python -m ebpftrace.demo [OPTIONS OF WATCH]`: sets the stage, watches it, clears it.

All signals are blocked and taken one at a time, so that nothing can interrupt the
clearing. Exit code: the watch's own; 128 + N when signal N came before it began.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from ebpftrace.demo.folder import Folder, choose_base, remove_leftovers
from ebpftrace.demo.gopls import find_gopls
from ebpftrace.demo.process import die_with
from ebpftrace.demo.roles import ROLES
from ebpftrace.demo.stage import Stage
from ebpftrace.errors import EbpftraceError, NotPermittedError
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.units import format_bytes

_STOP = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_PIPE_DURATION = "30s"
_PATIENCE_SECONDS = 10.0
_CTRL_C_PATIENCE_SECONDS = 3.0


def say(line: str) -> None:
    """Remarks go to stderr: stdout is the watch's, and may be JSON Lines."""
    print(line, file=sys.stderr, flush=True)


def watch_command(args: Sequence[str], terminal: bool) -> list[str]:
    """The watch, with the user's options; in a pipe it ends by itself."""
    command = [sys.executable, "-m", "ebpftrace", "watch", "--comm", "gopls", *args]
    ends = any(arg.split("=")[0] in ("--duration", "--once") for arg in args)
    if not terminal and not ends:
        command += ["--duration", _PIPE_DURATION]
    return command


def watch(command: Sequence[str]) -> int:
    """Runs the watch with our terminal; stops it when we are told to stop."""

    parent = os.getpid()

    def set_up() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with(parent, signal.SIGTERM)

    child = subprocess.Popen(command, preexec_fn=set_up)
    patience: float | None = None
    while child.poll() is None:
        heard = _wait_for_signal(patience)
        if heard is None:  # patience is over
            (child.kill if patience == _PATIENCE_SECONDS else child.terminate)()
            patience = _PATIENCE_SECONDS
        elif heard == signal.SIGINT and patience is None:
            # A terminal's Ctrl-C has reached the watch already: a second signal could
            # cut its summary short.
            patience = _CTRL_C_PATIENCE_SECONDS
        elif heard in (signal.SIGTERM, signal.SIGHUP):
            child.terminate()
            patience = _PATIENCE_SECONDS
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _wait_for_signal(seconds: float | None) -> int | None:
    expected = _STOP | {signal.SIGCHLD}
    if seconds is None:
        return signal.sigwait(expected)
    info = signal.sigtimedwait(expected, seconds)
    return None if info is None else info.si_signo


def demo(args: Sequence[str]) -> int:
    """The whole show. The watch's exit code; EbpftraceError where it cannot be given."""
    if os.geteuid() != 0:
        raise NotPermittedError(
            "the demo needs root",
            why="it makes memory cgroups and loads BPF programs",
            fix="make demo, or sudo .venv/bin/python -m ebpftrace.demo",
        )
    hierarchy = memory_hierarchy()
    base, is_tmpfs = choose_base()
    for name in remove_leftovers(base, hierarchy):
        say(f"demo: removed {name}, left by a demo that was killed")
    gopls = find_gopls()
    if gopls is None:
        say("demo: no gopls with a go to call was found: small programs stand in for it")
    with Folder(base) as folder, Stage(hierarchy, folder.path) as stage:
        for role in ROLES:
            # A real Go heap keeps its freed pages for minutes, so its collections do not
            # show in resident memory.
            real = (
                gopls if role.name == "steady" or (role.name == "leak" and is_tmpfs) else None
            )
            stage.start(role, real)
            by = f"gopls {real.version}" if real else "a stand-in"
            limit = format_bytes(role.limit_bytes)
            say(f"demo: {role.project:12}  {limit}  {by:13}  {role.name}: {role.does}")
        pending = signal.sigpending() & _STOP
        code = (
            128 + min(pending) if pending else watch(watch_command(args, sys.stdout.isatty()))
        )
        for line in stage.said(ROLES):
            say(f"demo: {line}")
    return code


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP | {signal.SIGCHLD})
    try:
        return demo(sys.argv[1:])
    except EbpftraceError as error:
        return _report(error)
    except (OSError, subprocess.SubprocessError) as error:
        return _report(EbpftraceError("the demo could not be set up", why=str(error)))


def _report(error: EbpftraceError) -> int:
    # Imported only now: a stage does not need the command line in its memory.
    from ebpftrace.cli.report import report

    return report(error)


if __name__ == "__main__":
    sys.exit(main())
