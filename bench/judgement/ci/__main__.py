"""`python -m bench.judgement.ci install|record|score|live`.

Recording and live runs need root, BPF, memory cgroups, and Node, a JDK, Rust, Go, gcc and make.
"""

from pathlib import Path

import click

WORK = Path.home() / ".cache" / "ebpftrace-bench" / "ci"
_work = click.option(
    "--work", default=WORK, show_default=True, help="Where the packages are.",
    type=click.Path(file_okay=False, path_type=Path),
)  # fmt: skip


@click.group()
def main() -> None:
    """Record real CI jobs, and score rules on them by what their mistakes cost."""


@main.command()
@click.argument("names", nargs=-1)
@click.option("--lanes", default=1, show_default=True, help="Jobs at a time.")
@_work
def record(names: tuple[str, ...], lanes: int, work: Path) -> None:
    """Record the jobs (those NAMED) that are not recorded yet."""
    from bench.judgement.ci.record import chosen
    from bench.judgement.ci.record import record as run

    run(chosen(names), work, lanes)


@main.command()
@_work
def install(work: Path) -> None:
    """Fetch the packages of the jobs through this machine's registries: about 2 GiB."""
    import subprocess

    script = Path(__file__).with_name("install.sh")
    done = subprocess.run(["sh", script, work], check=False)
    if done.returncode:
        raise click.ClickException("a step failed; the next run tries it again")


@main.command()
@click.option("--each", is_flag=True, help="A line for each recording too.")
@click.option("--climbs", is_flag=True, help="The longest climbs of healthy jobs too.")
@click.option("--docs", is_flag=True, help="Write it into docs/judgement-ci.md.")
def score(each: bool, climbs: bool, docs: bool) -> None:
    """Replay the recordings through our judgement, with and without a past, and others'."""
    from bench.judgement.ci.climbs import climbs_text
    from bench.judgement.ci.recording import load_all
    from bench.judgement.ci.table import PAGE, SECTION, each_text, page_text
    from bench.sections import between

    recordings = load_all()
    text = page_text(recordings)
    click.echo(text)
    if each:
        click.echo("\n" + each_text(recordings))
    if climbs:
        click.echo("\n" + climbs_text(recordings))
    if docs:
        page = between(PAGE.read_text(encoding="utf-8"), SECTION, text + "\n")
        PAGE.write_text(page, encoding="utf-8")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--docs", is_flag=True, help="Write it into docs/judgement-ci.md.")
@_work
def live(names: tuple[str, ...], docs: bool, work: Path) -> None:
    """Watch real jobs (those NAMED) with --on-breach alone, as they are and with a leak.

    Fails if a job is ended that ends well, or a leak that is not ended with its evidence.
    """
    from bench.judgement.ci import live as living
    from bench.judgement.ci.table import PAGE
    from bench.sections import between

    runs = []
    for one in living.live(living.chosen(names), work):
        runs.append(one)
        click.echo(living.table_text([one]).splitlines()[-1])
    text = living.table_text(runs)
    click.echo(f"\n{text}")
    wrong = [one.job.name for one in runs if one.wrong]
    living.remove_evidence(runs)
    if wrong:
        raise click.ClickException(f"went wrong: {', '.join(wrong)}")
    if docs:
        page = between(PAGE.read_text(encoding="utf-8"), living.SECTION, text + "\n")
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
