"""`ebpftrace history`: shows past runs of jobs, and forgets those of one."""

import sys
from pathlib import Path
from typing import Any

import click

from ebpftrace.cli.parameters import HISTORY_FILE
from ebpftrace.cli.tables.as_json import print_json
from ebpftrace.errors import GoneError
from ebpftrace.history.file import shown
from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import Run
from ebpftrace.text import clean

_MOST_JOBS = 10_000


class _ShowByDefault(click.Group):
    """`history JOB` is `history show JOB`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ShowByDefault,
    options_metavar="[JOB] [OPTIONS]",
    subcommand_metavar="| COMMAND",
    epilog="""
    \b
    Examples:
      sudo ebpftrace history                     the jobs that ran last
      sudo ebpftrace history 'acme/app test'     its runs
      sudo ebpftrace history --json | jq -r '.jobs[].name'
      sudo ebpftrace history forget 'acme/app test'

    A watch compares each job with its past runs that ended well. docs/history.md
    describes which runs are of the same job.
    """,
)
def history() -> None:
    """Show past runs of jobs, or forget them.

    Without JOB, the jobs that ran last. With it, the runs of the jobs with this name, or
    whose names contain it.
    """


@history.command()
@click.argument("job", required=False, metavar="[JOB]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, metavar="N",
              help="Show N jobs, or N runs of a job.")  # fmt: skip
@HISTORY_FILE
def show(job: str | None, as_json: bool, last: int, history_file: Path) -> None:
    """Show the jobs that ran last, or the runs of a job."""
    from ebpftrace.history.sqlite_store import SqliteStore

    with SqliteStore(history_file, make=False) as store:
        if job is None:
            entries = store.jobs(last)
            if as_json:
                _print([_job(each.job, [each.newest], each.runs) for each in entries])
                return
            from ebpftrace.cli.tables.history import print_jobs

            print_jobs(entries, sys.stdout)
            return
        found = [(each, store.runs(each.key)) for each in _named(store, job, history_file)]
    if as_json:
        _print([_job(each, runs[:last], len(runs)) for each, runs in found])
        return
    from ebpftrace.cli.tables.history import print_runs

    for each, runs in found:
        print_runs(each, runs[:last], sys.stdout)


@history.command()
@click.argument("job", metavar="JOB")
@HISTORY_FILE
def forget(job: str, history_file: Path) -> None:
    """Forget all runs of the jobs with this very name.

    After a change that a job's past must not be compared with: its next runs begin a new
    past.
    """
    from ebpftrace.history.sqlite_store import SqliteStore

    with SqliteStore(history_file, make=False) as store:
        jobs = store.named(job)
        if not jobs:
            raise _unknown(job, history_file)
        for each in jobs:
            count = store.forget(each.key)
            runs = "1 run" if count == 1 else f"{count} runs"
            click.echo(f"forgot {runs} of {each.name} in {each.place}")


def _named(store: Any, name: str, file: Path) -> list[RecurringJob]:
    """The jobs with this name, else those whose name contains it. GoneError without any."""
    jobs = list(store.named(name))
    if not jobs:
        wanted = name.lower()
        jobs = [
            entry.job for entry in store.jobs(_MOST_JOBS) if wanted in entry.job.name.lower()
        ]
    if not jobs:
        raise _unknown(name, file)
    return jobs


def _unknown(name: str, file: Path) -> GoneError:
    return GoneError(
        f"no job is called {clean(name)!r} in the history {shown(file)}",
        fix="ebpftrace history lists the names",
    )


def _job(job: RecurringJob, runs: list[Run] | tuple[Run, ...], count: int) -> dict[str, Any]:
    return {
        "name": job.name,
        "kind": job.kind,
        "place": job.place,
        "key": job.key,
        "run_count": count,
        "runs": [_run(run) for run in runs],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "start_time_ns": run.start_time_ns,
        "duration_ns": run.duration_ns,
        "limit_bytes": run.limit_bytes,
        "peak_bytes": run.peak_bytes,
        "end": run.end.value,
        "clean": run.clean,
        "measured": run.measured,
        "programs": [program._asdict() for program in run.programs],
        "curve": [
            {"seconds": point.age_s, "held_bytes": point.held_bytes} for point in run.curve
        ],
    }


def _print(jobs: list[dict[str, Any]]) -> None:
    print_json({"schema": 1, "jobs": jobs})
