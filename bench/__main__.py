"""`python -m bench [NAME …]`: measure, and show it. Needs root, BPF and memory cgroups."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from bench import (
    amplification,
    churn,
    dashboard,
    fleet,
    floods,
    footprint,
    fuse_cost,
    gopls,
    history,
    hotpath,
    kept,
    latency,
    many,
    race,
    runs,
    scrapes,
    serve,
    start,
    storms,
    tracked,
)
from bench.breaches import NoHookError
from bench.figures import Table
from bench.machine import machine
from bench.observers import DoesNotStartError
from bench.scale import FULL, QUICK, Scale
from bench.sections import (
    AMPLIFICATION,
    COSTS,
    FLEET,
    FLOODS,
    HISTORY,
    LATENCY,
    MANY,
    PAGE,
    RACE,
    README,
    RUN,
    SERVE,
    SERVICE,
    STORMS,
    with_section,
    with_summary,
)
from bench.text import heading, page, table_text

BENCHES: dict[str, Callable[[Scale], Iterable[Table]]] = {
    "start": start.measure,
    "run": runs.measure,
    "rss": footprint.rss,
    "idle": footprint.idle,
    "tracked": tracked.measure,
    "many": many.measure,
    "kept": kept.measure,
    "serve": serve.measure,
    "churn": churn.measure,
    "scrapes": scrapes.measure,
    "fleet": fleet.measure,
    "dashboard": dashboard.measure,
    "storms": storms.measure,
    "hotpath": hotpath.measure,
    "gopls": gopls.measure,
    "history": history.measure,
    "latency": latency.measure,
    "race": race.measure,
    "floods": floods.measure,
    "fuse-cost": fuse_cost.measure,
    "amplification": amplification.measure,
}

_ALONE = {
    LATENCY: ("latency",),
    RACE: ("race",),
    FLOODS: ("floods",),
    HISTORY: ("history",),
    STORMS: ("storms", "hotpath"),
    MANY: ("many",),
    RUN: ("run",),
    SERVE: ("serve",),
    SERVICE: ("churn", "scrapes"),
    FLEET: ("fleet",),
    AMPLIFICATION: ("amplification",),
}
_PICTURES = {AMPLIFICATION: amplification.draw}
_IN_OTHERS = {"kept", *(name for names in _ALONE.values() for name in names)}
_SECTIONS = {COSTS: tuple(name for name in BENCHES if name not in _IN_OTHERS)} | _ALONE


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)))
@click.option("--quick", is_flag=True, help="Only see that it works: the figures mean little.")
@click.option("--json", "json_file", type=click.Path(path_type=Path),
              help="Write every sample to this file.")  # fmt: skip
@click.option("--beside", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Another checkout, such as one of an earlier commit: start, rss, storms "
              "and hotpath measure its ebpftrace in turn with this one's.")  # fmt: skip
@click.option(
    "--docs",
    is_flag=True,
    help="Write whole sections into docs/performance.md, and the README's summary.",
)
def main(
    names: tuple[str, ...], quick: bool, json_file: Path | None, beside: Path | None, docs: bool
) -> None:
    """Measure what ebpftrace costs, side by side with what others take.

    All benches unless some are named; about twenty minutes. The machine may be busy: every
    condition has its turn in each round, and ratios are taken round by round.
    """
    chosen = names or tuple(BENCHES)
    whole = [section for section, parts in _SECTIONS.items() if set(parts) <= set(chosen)]
    if docs and not whole:
        needed = ", or ".join(_all_of(section) for section in _SECTIONS)
        raise click.UsageError(f"--docs needs {needed}")
    where = machine()
    click.echo(heading(where) + "\n")
    scale = replace(QUICK if quick else FULL, beside=beside and beside.resolve())
    tables = {name: list(_shown(name, scale)) for name in chosen}
    if json_file is not None:
        shown = [table.record() for each in tables.values() for table in each]
        record = {"machine": where, "tables": shown}
        json_file.write_text(json.dumps(record, indent=2) + "\n")
    options = [*(["--quick"] if quick else []), *(["--beside BEFORE"] if beside else [])]
    command = " ".join(["python -m bench", *names, *options])
    for section in whole if docs else ():
        measured = [table for name in _SECTIONS[section] for table in tables[name]]
        text = with_section(PAGE.read_text(), section, page(measured, where, command))
        PAGE.write_text(text)
        README.write_text(with_summary(README.read_text(), text))
        if section in _PICTURES:
            file = PAGE.parent / "pictures" / f"{section.removeprefix('bench ')}.svg"
            file.write_text(_PICTURES[section](measured))


def _all_of(section: str) -> str:
    return " ".join(_SECTIONS[section])


def _shown(name: str, scale: Scale) -> Iterator[Table]:
    try:
        for table in BENCHES[name](scale):
            click.echo(table_text(table) + "\n")
            sys.stdout.flush()
            yield table
    except (DoesNotStartError, NoHookError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
