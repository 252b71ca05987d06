"""The command line: one file per command; errors become exit codes here."""

import errno
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

import click

from ebpftrace import __version__, heap
from ebpftrace.cli.report import report, report_usage
from ebpftrace.errors import EbpftraceError, error_types

_COMMANDS = {
    "watch": "watch",
    "run": "run",
    "serve": "serve",
    "top": "top",
    "policy": "policy",
    "audit": "audit",
    "incidents": "incidents",
    "thaw": "thaw",
    "history": "history",
    "doctor": "doctor",
    "compile": "compile_command",
    "completion": "completion",
}
"""Each command's file in this folder, and its name there. Only what is run is imported."""

_INTERRUPTED = 130
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


_EPILOG_WIDTH = 72


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"ebpftrace.cli.{cmd_name}")
        if cmd_name != "watch":  # which imports more, as it starts
            heap.collect_from_now_on()
        command: click.Command = getattr(module, _COMMANDS[cmd_name])
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The epilog, and the exit codes after it."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"\b\n{_exit_codes()}")

    def invoke(self, ctx: click.Context) -> object:
        """Run a command. On a broken pipe, click would exit with code 1; we exit with 0."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return _forget_output()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="""
    \b
    Examples:
      sudo ebpftrace watch --comm gopls
      sudo ebpftrace watch --once --output jsonl
    """,
)
@click.version_option(__version__, prog_name="ebpftrace")
def cli() -> None:
    """A memory tracer and circuit breaker for CI nodes.

    Shows live, from inside the kernel, how much memory each CI job and each of its
    processes uses, and acts on policies before the OOM killer does.
    """


def main() -> NoReturn:
    """Run the command line and exit. Errors of the user's never show a traceback."""
    _open_standard_streams()
    code = _run()
    # Everything is detached: nothing is left to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _exit_codes() -> str:
    """The line of the help with every exit code, wrapped."""
    summaries = {kind.exit_code: kind.summary for kind in error_types()}
    summaries |= {0: "done", _INTERRUPTED: "interrupted before a watch began"}
    codes = [f"{code} {summary}" for code, summary in sorted(summaries.items())]
    lines = [f"Exit codes: {codes[0]}"]
    for code in codes[1:]:
        lines[-1] += " ·"
        if len(f"{lines[-1]} {code} ·") > _EPILOG_WIDTH:
            lines.append(f"  {code}")
        else:
            lines[-1] += f" {code}"
    return "\n".join(lines)


def _run() -> int:
    try:
        # The code of a click Exit is returned.
        code = cli.main(standalone_mode=False, prog_name="ebpftrace")
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except EbpftraceError as error:
        return report(error)
    except click.ClickException as error:
        return report_usage(error)
    except click.Abort:  # KeyboardInterrupt: a watch was interrupted twice
        click.echo("ebpftrace: interrupted", err=True)
        return _INTERRUPTED
    except OSError as error:
        _forget_output()
        if error.errno == errno.EIO:
            return 0  # the terminal hung up, as a reader that closed its pipe
        why = str(error.strerror)
        if error.errno in _FULL:
            fix = "free some space, or write to another disk"
            return report(EbpftraceError("the output cannot be written", why=why, fix=fix))
        where = f": {error.filename}" if error.filename else ""
        return report(EbpftraceError("a system call failed", why=why + where))


def _forget_output() -> int:
    """The reader closed the pipe (`| head -1`), which is no error: exit code 0.

    Python must not flush its buffer into the closed pipe when it exits.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _open_standard_streams() -> None:
    """Open closed standard streams (`>&-`): the next file opened would take their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            assert descriptor == number  # the lowest free descriptor
            setattr(sys, name, os.fdopen(descriptor, "r" if number == 0 else "w"))
