"""`python -m ebpftrace.demo [OPTIONS OF watch]`: starts the jobs, watches and removes them.

All signals are blocked and handled one at a time, so that none can interrupt the cleanup.
Exit code: that of the watch; 128 + N if signal N arrived before it started.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import click

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


def log(line: str) -> None:
    """Print to stderr: stdout belongs to the watch, and may be JSON Lines."""
    print(line, file=sys.stderr, flush=True)


def watch_command(args: Sequence[str], terminal: bool) -> list[str]:
    """The watch with the user's options; without a terminal it gets a duration."""
    command = [sys.executable, "-m", "ebpftrace", "watch", "--no-history", "--comm", "gopls",
               *args]  # fmt: skip
    ends = any(arg.split("=")[0] in ("--duration", "--once") for arg in args)
    if not terminal and not ends:
        command += ["--duration", _PIPE_DURATION]
    return command


def watch(command: Sequence[str]) -> int:
    """Run the watch on this terminal; a stop signal to the demo stops it."""

    parent = os.getpid()

    def set_up() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with(parent, signal.SIGTERM)

    child = subprocess.Popen(command, preexec_fn=set_up)
    patience: float | None = None
    while child.poll() is None:
        received = _wait_for_signal(patience)
        if received is None:  # the time is up
            (child.kill if patience == _PATIENCE_SECONDS else child.terminate)()
            patience = _PATIENCE_SECONDS
        elif received == signal.SIGINT and patience is None:
            # A terminal sends Ctrl-C to the watch too: a second signal could interrupt its
            # summary.
            patience = _CTRL_C_PATIENCE_SECONDS
        elif received in (signal.SIGTERM, signal.SIGHUP):
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
    """Run the demo. Returns the watch's exit code; EbpftraceError if it cannot start."""
    if os.geteuid() != 0:
        raise NotPermittedError(
            "the demo needs root",
            why="it makes memory cgroups and loads BPF programs",
            fix="make demo, or sudo .venv/bin/python -m ebpftrace.demo",
        )
    hierarchy = memory_hierarchy()
    base, is_tmpfs = choose_base()
    for name in remove_leftovers(base, hierarchy):
        log(f"demo: removed {name}, left behind by a killed demo")
    gopls = find_gopls()
    if gopls is None:
        log("demo: no gopls with a go command found: small programs replace it")
    with Folder(base) as folder, Stage(hierarchy, folder.path) as stage:
        for role in ROLES:
            # "sawtooth" is always a stand-in: a real Go heap keeps freed pages for minutes, so
            # its collections do not show in resident memory.
            real = (
                gopls if role.name == "steady" or (role.name == "leak" and is_tmpfs) else None
            )
            stage.start(role, real)
            by = f"gopls {real.version}" if real else "a stand-in"
            limit = format_bytes(role.limit_bytes)
            log(f"demo: {role.project:12}  {limit}  {by:13}  {role.name}: {role.does}")
        pending = signal.sigpending() & _STOP
        code = (
            128 + min(pending) if pending else watch(watch_command(args, sys.stdout.isatty()))
        )
        for line in stage.messages(ROLES):
            log(f"demo: {line}")
    return code


@click.command(
    options_metavar="",
    context_settings={
        "ignore_unknown_options": True,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 80,
    },
)
@click.argument("args", metavar="[OPTIONS OF watch]...", nargs=-1, type=click.UNPROCESSED)
def command(args: tuple[str, ...]) -> int:
    """Start three CI jobs made for show, one of them leaking, and watch them.

    The options are passed on to `ebpftrace watch --comm gopls`; its --help lists them. The
    jobs, their cgroups and their files are removed when the watch ends. Needs root.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP | {signal.SIGCHLD})
    try:
        return demo(args)
    except EbpftraceError as error:
        return _report(error)
    except (OSError, subprocess.SubprocessError) as error:
        return _report(EbpftraceError("the demo could not be started", why=str(error)))


def main() -> int:
    """Run the command line. Returns the exit code: 0 where only the help was asked for."""
    code = command.main(standalone_mode=False)
    return code if isinstance(code, int) else 0


def _report(error: EbpftraceError) -> int:
    # Imported only now: the demo does not need the command line in its memory.
    from ebpftrace.cli.report import report

    return report(error)


if __name__ == "__main__":
    sys.exit(main())
