"""`ebpftrace doctor`: finds advice in files of a repository that costs memory or does harm."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebpftrace.cli.parameters import HISTORY_FILE
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
      ebpftrace doctor --file .github/workflows/*.yml
      ebpftrace doctor --file ci.yml --file Dockerfile --file Makefile
      ebpftrace doctor --file .vscode/settings.json --json
      ebpftrace doctor --file ci.yml --sarif doctor.sarif
      sudo ebpftrace doctor --file ci.yml --job 'acme/app test'

    Exit code 17 if there are warnings, 18 if there is an error. docs/doctor.md describes
    the rules, each with what was measured.
    """,
)
@click.option("--file", "files", type=_FILE, multiple=True, metavar="PATH",
              help="Check a CI file, Dockerfile, script, Makefile or JSON file. "
                   "Repeatable.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--sarif", "sarif_file", type=_FILE, metavar="FILE",
              help="Also write SARIF, for code scanning.")  # fmt: skip
@click.option("--job", metavar="NAME",
              help="Compare memory limits with what this job took before.")  # fmt: skip
@HISTORY_FILE
@click.argument("more", nargs=-1, type=_FILE, metavar="[PATH]...")
def doctor(
    files: tuple[Path, ...],
    as_json: bool,
    sarif_file: Path | None,
    job: str | None,
    history_file: Path,
    more: tuple[Path, ...],
) -> None:
    """Find what is wrong with a set-up for gopls.

    With --file, in files: flags and variables of gopls that do not exist, caches that are
    empty in each job, limits that end healthy programs. One line for each, as a linter.
    """
    if not files:
        raise UsageError("no file was named", fix="ebpftrace doctor --file ci.yml")
    from ebpftrace.doctor.files.lint import lint

    past = None if job is None else _past(job, history_file)
    found = [lint(path, past) for path in (*files, *more)]
    _print(found, as_json)
    if sarif_file is not None:
        from ebpftrace.doctor.files.sarif import sarif

        _write(sarif_file, json.dumps(sarif(found), indent=2) + "\n")
    _end([problem.rule.state for each in found for problem in each.problems])


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
        value = {"schema": 1, "files": [record(each) for each in found]}
        click.echo(json.dumps(value, indent=2 if os.isatty(1) else None))
        return
    for each in found:
        for line in lines(each):
            click.echo(line)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
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
