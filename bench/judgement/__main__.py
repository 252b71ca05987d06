"""`python -m bench.judgement record|score`. Recording needs root, BPF and memory cgroups."""

import fnmatch

import click


@click.group()
def main() -> None:
    """Record labelled workloads; score rules on the recordings."""


@main.command()
@click.argument("names", nargs=-1)
@click.option("--lanes", default=4, show_default=True, help="Workloads at a time.")
def record(names: tuple[str, ...], lanes: int) -> None:
    """Run the workloads (those matching NAMES, globs) and keep their traces."""
    from bench.judgement.record import record as run
    from bench.judgement.workloads import WORKLOADS

    chosen = [
        one
        for one in WORKLOADS
        if not names or any(fnmatch.fnmatchcase(one.name, name) for name in names)
    ]
    run(chosen, lanes)


@main.command()
@click.option("--each", is_flag=True, help="A line for each recording too.")
@click.option("--settings", is_flag=True, help="Choose the settings anew, leaving one out.")
def score(each: bool, settings: bool) -> None:
    """Replay the kept traces through our judgement and through others' rules."""
    from bench.judgement.report import each_text, settings_text, table_text
    from bench.judgement.trace import load_all

    traces = load_all()
    click.echo(table_text(traces))
    if each:
        click.echo("\n" + each_text(traces))
    if settings:
        click.echo("\n" + settings_text(traces))


if __name__ == "__main__":
    main()
