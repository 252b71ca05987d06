"""The command line: one file a command; every error becomes an exit code here."""

import errno
import os
import signal
import sys
from typing import NoReturn

import click

from ebpftrace import __version__
from ebpftrace.cli.audit import audit
from ebpftrace.cli.completion import completion
from ebpftrace.cli.policy import policy
from ebpftrace.cli.report import report, report_usage
from ebpftrace.cli.thaw import thaw
from ebpftrace.cli.watch import watch
from ebpftrace.errors import EbpftraceError

_INTERRUPTED = 130
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        """Run a command. Where the reader of its output left, click would end with code 1."""
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

    \b
    Exit codes: 0 done · 1 other errors · 2 wrong usage · 3 not permitted
      4 no BPF · 5 no BTF · 6 no tracefs · 7 no bcc · 8 a program was refused
      9 gone · 10 wrong policy · 11 another one acts ·
      130 interrupted before a watch began
    """,
)
@click.version_option(__version__, prog_name="ebpftrace")
def cli() -> None:
    """A memory tracer and circuit breaker for CI nodes.

    Says which CI job and which process holds how much memory, live, from inside the
    kernel.
    """


cli.add_command(watch)
cli.add_command(policy)
cli.add_command(audit)
cli.add_command(thaw)
cli.add_command(completion)


def main() -> NoReturn:
    """Run the command line; never returns, never shows a traceback for what users do."""
    _open_standard_streams()
    code = _run()
    # What was attached is gone, and the code is known: nothing is left to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _run() -> int:
    try:
        # What a command ends with by click's Exit comes back as a number.
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
            return 0  # the terminal hung up: a reader that left, too
        why = str(error.strerror)
        if error.errno in _FULL:
            fix = "make room, or write elsewhere"
            return report(EbpftraceError("the output cannot be written", why=why, fix=fix))
        where = f": {error.filename}" if error.filename else ""
        return report(EbpftraceError("the system refuses", why=why + where))


def _forget_output() -> int:
    """The reader left (`| head -1`): that is how pipes end, code 0.

    What is still buffered must not be flushed into the closed pipe when Python leaves.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _open_standard_streams() -> None:
    """One that was closed (`>&-`) would be the next file that is opened, and be written to."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            assert descriptor == number  # the lowest that is free
            setattr(sys, name, os.fdopen(descriptor, "r" if number == 0 else "w"))
