"""`python -m bench [NAME …]`: measure, and show it. Needs root, BPF and memory cgroups."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from bench import dashboard, footprint, fuse_cost, gopls, latency, race, start, storms, tracked
from bench.figures import Table
from bench.machine import machine
from bench.observers import DoesNotStartError
from bench.readme import README, with_section
from bench.scale import FULL, QUICK, Scale
from bench.text import heading, page, table_text

BENCHES: dict[str, Callable[[Scale], Iterable[Table]]] = {
    "start": start.measure,
    "rss": footprint.rss,
    "idle": footprint.idle,
    "tracked": tracked.measure,
    "dashboard": dashboard.measure,
    "storms": storms.measure,
    "gopls": gopls.measure,
    "latency": latency.measure,
    "race": race.measure,
    "fuse-cost": fuse_cost.measure,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)))
@click.option("--quick", is_flag=True, help="Only see that it works: the figures mean little.")
@click.option("--json", "json_file", type=click.Path(path_type=Path),
              help="Write every sample to this file.")  # fmt: skip
@click.option("--readme", is_flag=True, help="Put the tables into the README as well.")
def main(names: tuple[str, ...], quick: bool, json_file: Path | None, readme: bool) -> None:
    """Measure what ebpftrace costs, side by side with what others take.

    All benches unless some are named; about twenty minutes. The machine may be busy: every
    condition has its turn in each round, and ratios are taken round by round.
    """
    where = machine()
    click.echo(heading(where) + "\n")
    tables = list(_shown(names or tuple(BENCHES), QUICK if quick else FULL))
    if json_file is not None:
        record = {"machine": where, "tables": [table.record() for table in tables]}
        json_file.write_text(json.dumps(record, indent=2) + "\n")
    command = " ".join(["python -m bench", *names, *(["--quick"] if quick else [])])
    if readme:
        README.write_text(with_section(README.read_text(), page(tables, where, command)))


def _shown(names: Iterable[str], scale: Scale) -> Iterator[Table]:
    for name in names:
        try:
            for table in BENCHES[name](scale):
                click.echo(table_text(table) + "\n")
                sys.stdout.flush()
                yield table
        except DoesNotStartError as error:
            raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
