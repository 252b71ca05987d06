"""`ebpftrace run`: a command in a memory cgroup of its own, watched until it ends."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebpftrace.act.policy.options import PolicyOptions
from ebpftrace.cli.parameters import Duration, Increase, Limit, User
from ebpftrace.errors import ExceededError, UntrustedError, UsageError
from ebpftrace.text import clean

if TYPE_CHECKING:
    from ebpftrace.run.user import RunUser

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="""
    \b
    Examples:
      sudo ebpftrace run -- go test ./...
      sudo ebpftrace run --memory 2GiB --timeout 10m -- make lint
      sudo ebpftrace run --memory 2GiB --fuse 90% -- gopls check ./...
      sudo -E ebpftrace run --user "$USER" -- go test ./...
      sudo ebpftrace run --json now.json --compare-with last.json \\
          --max-increase 10% -- ./build.sh

    The command has its own exit code, signals and terminal. Without root or BPF it runs all
    the same, and the last words say what was missing. docs/run.md describes the rest.
    """,
)
@click.option("--memory", type=Limit(), metavar="SIZE",
              help="Limit of the command's memory cgroup: 2GiB.")  # fmt: skip
@click.option("--timeout", type=Duration(), metavar="TIME",
              help="Then end it: SIGTERM, and SIGKILL to all of it 10 s later; exit code "
                   "124.")  # fmt: skip
@click.option("--fuse", metavar="SHARE|SIZE",
              help="Stop a process in the kernel when it grows past this, save evidence, "
                   "then kill it.")  # fmt: skip
@click.option("--growth", metavar="SIZE/TIME",
              help="Act when the command grows this much within this time.")  # fmt: skip
@click.option("--level", metavar="SHARE|SIZE",
              help="Act when it uses this share of its limit, or this size.")  # fmt: skip
@click.option("--on-breach", metavar="LINE", help="Shell command to run on a breach.")
@click.option("--restart", "restarts", type=click.IntRange(0, 100), default=0, metavar="N",
              help="Start it again after a breach ended it, N times at most.")  # fmt: skip
@click.option("--user", type=User(), metavar="USER",
              help="Run the command as this user, and not as root.")  # fmt: skip
@click.option("--name", default="", metavar="TEXT",
              help="What it is called in what is written. Default: the command.")  # fmt: skip
@click.option("--summary", type=_FILE, metavar="FILE",
              help="Write what is known at the end as Markdown, with a chart.")  # fmt: skip
@click.option("--json", "json_file", type=_FILE, metavar="FILE",
              help="Write it as JSON.")  # fmt: skip
@click.option("--metrics", "metrics_file", type=_FILE, metavar="FILE",
              help="Write it as metrics in Prometheus' text format.")  # fmt: skip
@click.option("--compare-with", "earlier", type=_FILE, metavar="FILE",
              help="Compare its peak with that in a file of --json.")  # fmt: skip
@click.option("--max-increase", type=Increase(), metavar="PERCENT",
              help="With --compare-with: fail if the peak is higher by more than "
                   "this.")  # fmt: skip
@click.option("--no-gomemlimit", is_flag=True, help="Do not set GOMEMLIMIT from the limit.")
@click.option("--no-tmpdir", is_flag=True,
              help="Do not give it a TMPDIR that is removed afterwards.")  # fmt: skip
@click.option("--require", is_flag=True,
              help="Do not start it where it cannot be watched.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing at the end.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED,
                metavar="-- COMMAND…")  # fmt: skip
def run(
    memory: int | None,
    timeout: int | None,
    fuse: str | None,
    growth: str | None,
    level: str | None,
    on_breach: str | None,
    restarts: int,
    user: "RunUser | None",
    name: str,
    summary: Path | None,
    json_file: Path | None,
    metrics_file: Path | None,
    earlier: Path | None,
    max_increase: float | None,
    no_gomemlimit: bool,
    no_tmpdir: bool,
    require: bool,
    quiet: bool,
    command: tuple[str, ...],
) -> None:
    """Run a command in a memory cgroup of its own, and say what it took.

    What is known at its end goes to stderr: its peak and the process that held it, findings,
    kills, evidence. CI systems get it on the page of the run.
    """
    from ebpftrace.run.around import RunOptions
    from ebpftrace.run.ci import report_to_ci
    from ebpftrace.run.command import end_as
    from ebpftrace.run.record import compared, read_peak, record
    from ebpftrace.run.run import run as run_command

    if user is not None and os.geteuid():
        raise UsageError("--user is for root", fix="put sudo -E before the command")
    if max_increase is not None and earlier is None:
        raise UsageError("--max-increase has nothing to compare with",
                         fix="add --compare-with FILE, written by --json")  # fmt: skip
    earlier_bytes = None if earlier is None else read_peak(earlier)
    _require_policy(PolicyOptions(growth, level, on_breach, fuse))
    acting = {"--fuse": fuse, "--growth": growth, "--level": level, "--on-breach": on_breach}
    result = run_command(command, RunOptions(
        memory_bytes=memory,
        timeout_ns=timeout,
        watch_options=tuple(
            word for name, value in acting.items() if value for word in (name, value)
        ),
        gomemlimit=not no_gomemlimit,
        tmpdir=not no_tmpdir,
        require=require,
        restarts=restarts,
        user=user,
    ))  # fmt: skip
    result = result._replace(given_name=name)
    increase = 0.0
    if earlier_bytes is not None:
        increase, sentence = compared(result, earlier_bytes)
        result = result._replace(notes=(*result.notes, sentence))
    text = report_to_ci(result, os.environ)
    if not quiet:
        click.echo(text, nl=False, err=True)
    if summary is not None:
        from ebpftrace.run.markdown import markdown

        _write("the summary", summary, markdown(result))
    if json_file is not None:
        _write("the result", json_file, json.dumps(record(result)) + "\n")
    if metrics_file is not None:
        from ebpftrace.run.metrics import metrics

        _write("the metrics", metrics_file, metrics(result))
    sys.stdout.flush()
    if max_increase is not None and increase > max_increase and not result.end.code:
        raise ExceededError(
            f"the peak is {increase:.0%} higher than the one it is compared with",
            why=f"--max-increase allows {max_increase:.0%}",
            fix="find out what grew, or keep this run's --json file as the new one",
        )
    end_as(result.end)


def _require_policy(options: PolicyOptions) -> None:
    """UsageError for a malformed option, before the command starts: the watch beside it would
    only refuse it meanwhile."""
    if options.given:
        from ebpftrace.act.policy.command_line import policy_from_options

        policy_from_options(options)


def _write(what: str, file: Path, text: str) -> None:
    """What cannot be written is said, and does not change how the command ended."""
    from ebpftrace.run.files import open_output

    try:
        with os.fdopen(open_output(what, file), "w", encoding="utf-8") as out:
            out.write(text)
    except UntrustedError as error:
        click.echo(f"ebpftrace: {error.what}: {error.why}", err=True)
    except OSError as error:
        click.echo(f"ebpftrace: cannot write {clean(str(file))!r}: {error.strerror}", err=True)
