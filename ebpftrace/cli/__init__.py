"""The command line: one file a command; every error becomes an exit code here."""

import os
import sys

import click

from ebpftrace import __version__
from ebpftrace.cli.completion import completion
from ebpftrace.cli.report import report
from ebpftrace.cli.watch import watch
from ebpftrace.errors import EbpftraceError

INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit codes: 0 done · 2 wrong usage · 3 not permitted · 4 no BPF · 5 no BTF · "
    "6 no tracefs · 7 no bcc · 8 a program was refused · 9 gone · 130 interrupted "
    "before it began",
)
@click.version_option(__version__, prog_name="ebpftrace")
def cli() -> None:
    """A memory tracer and circuit breaker for CI nodes.

    Says which CI job and which process holds how much memory, live, from inside the
    kernel.

    \b
    sudo ebpftrace watch --comm gopls
    """


cli.add_command(watch)
cli.add_command(completion)


def main() -> None:
    """Run the command line; never returns, never shows a traceback for what users do."""
    try:
        cli.main(standalone_mode=False, prog_name="ebpftrace")
        code = 0
        sys.stdout.flush()
    except EbpftraceError as error:
        code = report(error)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nebpftrace: interrupted before it began", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader left (`| head -1`): that is how pipes end. What is still buffered
        # must not be flushed into the closed pipe when Python leaves.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
