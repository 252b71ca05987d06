"""`ebpftrace doctor`: a check-up of this node, and a linter for files of a repository."""

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebpftrace.cli.parameters import HISTORY_FILE
from ebpftrace.cli.tables.as_json import print_json
from ebpftrace.errors import EbpftraceError, ErrorsFoundError, UsageError, WarningsFoundError

if TYPE_CHECKING:
    from ebpftrace.doctor.check import CheckState
    from ebpftrace.doctor.files.context import PastUse
    from ebpftrace.doctor.files.lint import Linted

_FILE = click.Path(path_type=Path)


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace doctor
      sudo ebpftrace doctor --fix
      sudo ebpftrace doctor --json | jq '.checks[] | select(.state != "ok")'
      ebpftrace doctor --file .github/workflows/*.yml
      ebpftrace doctor --file ci.yml --file Dockerfile --file Makefile
      ebpftrace doctor --file ci.yml --sarif doctor.sarif
      sudo ebpftrace doctor --file ci.yml --job 'acme/app test'
      ebpftrace doctor --module .

    Exit code 17 if there are warnings, 18 if there is an error. docs/doctor.md describes
    the rules, each with what was measured.
    """,
)
@click.option("--file", "files", type=_FILE, multiple=True, metavar="PATH",
              help="Check a CI file, Dockerfile, script, Makefile or JSON file. "
                   "Repeatable.")  # fmt: skip
@click.option("--module", type=_FILE, metavar="DIR",
              help="Count what the Go module in this folder depends on, and measure what "
                   "gopls takes for it.")  # fmt: skip
@click.option("--comm", "comms", multiple=True, default=("gopls",), show_default=True,
              metavar="GLOB", help="Without --file: name of processes that may be gopls. "
                                   "Repeatable.")  # fmt: skip
@click.option("--fix", is_flag=True,
              help="Without --file: remove sockets and temporary folders of ended gopls "
                   "that no process uses.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--sarif", "sarif_file", type=_FILE, metavar="FILE",
              help="Also write SARIF, for code scanning.")  # fmt: skip
@click.option("--job", metavar="NAME",
              help="Compare memory limits with what this job took before.")  # fmt: skip
@HISTORY_FILE
@click.argument("more", nargs=-1, type=_FILE, metavar="[PATH]...")
def doctor(
    files: tuple[Path, ...],
    module: Path | None,
    comms: tuple[str, ...],
    fix: bool,
    as_json: bool,
    sarif_file: Path | None,
    job: str | None,
    history_file: Path,
    more: tuple[Path, ...],
) -> None:
    """Find what is wrong with this node, or with files of a repository.

    Without --file: what the kernel offers, memory cgroups, limits of the jobs that run now,
    the gopls that run, and other programs that kill processes when memory is short.

    With it, a linter: flags and variables of gopls that do not exist, caches that are empty
    in each job, limits that end healthy programs.

    With --module: packages and bytes of Go text by the distance from a module, and the memory
    that gopls takes to load it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for a terminal that does not know all signs
    if module is not None:
        if files or more or fix or sarif_file is not None or job is not None:
            raise UsageError("--module stands alone", fix="ebpftrace doctor --module DIR")
        _measure(module, as_json)
        return
    if not files:
        if more or sarif_file is not None or job is not None:
            raise UsageError("no file was named", fix="ebpftrace doctor --file ci.yml")
        _check_node(comms, fix, as_json)
        return
    if fix:
        raise UsageError("--fix changes no file of --file", fix="sudo ebpftrace doctor --fix")
    from ebpftrace.doctor.files.lint import lint

    past = None if job is None else _past(job, history_file)
    found = [lint(path, past) for path in (*files, *more)]
    _print(found, as_json)
    if sarif_file is not None:
        from ebpftrace.doctor.files.sarif import sarif

        _write(sarif_file, json.dumps(sarif(found), indent=2) + "\n")
    _end([problem.rule.state for each in found for problem in each.problems])


def _check_node(comms: tuple[str, ...], fix: bool, as_json: bool) -> None:
    from ebpftrace.doctor.node.node import check_node
    from ebpftrace.doctor.render import lines, record

    checks = list(check_node(comms, fix=fix))
    if as_json:
        print_json({"schema": 1, "checks": [record(check) for check in checks]})
    else:
        utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        coloured = False if "NO_COLOR" in os.environ else None  # None: on a terminal
        for text, colour in lines(checks, utf8=utf8):
            sign = click.style(text[2], fg=colour, bold=True) if colour else ""
            click.echo(f"{text[:2]}{sign}{text[3:]}" if colour else text, color=coloured)
    _end([check.state for check in checks])


def _measure(module: Path, as_json: bool) -> None:
    from ebpftrace.doctor.module.graph import read_graph
    from ebpftrace.doctor.module.owner import ModuleOwner
    from ebpftrace.doctor.module.render import lines, record
    from ebpftrace.doctor.module.resident import measure_gopls

    owner = ModuleOwner(module.absolute())
    graph = read_graph(owner)
    took = measure_gopls(owner)
    if as_json:
        print_json(record(graph, took))
        return
    for line in lines(graph, took):
        click.echo(line)


def _past(job: str, history_file: Path) -> "PastUse":
    """EbpftraceError where no run is known that ended well."""
    from ebpftrace.doctor.files.past import past_use
    from ebpftrace.history.sqlite_store import SqliteStore

    with SqliteStore(history_file, make=False) as store:
        past = past_use(store, job)
    if past is None:
        raise EbpftraceError(
            "no run of this job is known that ended well",
            fix="ebpftrace history lists the jobs and their runs",
        )
    return past


def _print(found: "list[Linted]", as_json: bool) -> None:
    from ebpftrace.doctor.files.output import lines, record

    if as_json:
        print_json({"schema": 1, "files": [record(each) for each in found]})
        return
    for each in found:
        for line in lines(each):
            click.echo(line)


def _write(file: Path, text: str) -> None:
    from ebpftrace.run.files import open_output

    try:
        with os.fdopen(open_output("the SARIF file", file), "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise EbpftraceError(
            "cannot write the SARIF file",
            why=error.strerror or str(error),
            fix="name a file in a folder that is there: --sarif FILE",
        ) from error


def _end(states: "list[CheckState]") -> None:
    """Ends with the exit code of the worst."""
    from ebpftrace.doctor.check import CheckState

    errors, warnings = states.count(CheckState.ERROR), states.count(CheckState.WARNING)
    counts = _count(errors, "error"), _count(warnings, "warning")
    what = " and ".join(filter(None, counts))
    if errors:
        raise ErrorsFoundError(what)
    if warnings:
        raise WarningsFoundError(what)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
