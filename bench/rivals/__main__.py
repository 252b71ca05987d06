"""`python -m bench.rivals`: boots a machine with systemd, and writes docs/rivals.md."""

import json
import shlex
import shutil
from pathlib import Path

import click

from bench.rivals.cases import CASES
from bench.rivals.page import page
from tests.support.build import ROOT
from tests.vm import kernels, machine
from tests.vm.paths import RESULTS
from tests.vm.run import VmError

PAGE = ROOT / "docs" / "rivals.md"
_FILE = "rivals.jsonl"
_INSIDE = (".venv/bin/python", "-u", "-m", "bench.rivals.inside")
_ALL = tuple(one.name for one in CASES)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kernel", "series", default="6.12", show_default=True)
@click.option(
    "--case",
    "cases",
    multiple=True,
    type=click.Choice([one.name for one in CASES]),
    help="Run only this case, and print it without writing the page; repeatable.",
)
@click.option("--seconds", default=2400, show_default=True, help="Longest life of the machine.")
def main(series: str, cases: tuple[str, ...], seconds: int) -> None:
    """Run the same cases under ebpftrace, systemd-oomd, earlyoom and a shell guard.

    About a quarter of an hour. Needs what `make setup-vm` installs.
    """
    folder: Path = RESULTS / "rivals"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        kernel = kernels.fetch(series)
        processor = machine.processor(kernel)
        done = machine.boot(
            kernel,
            shlex.join([*_INSIDE, f".vm/results/{_FILE}", *(cases or _ALL)]),
            folder,
            processor=processor,
            seconds=seconds,
            systemd=True,
        )
    except VmError as error:
        raise click.ClickException(str(error)) from None
    if done.status != 0:
        raise click.ClickException(f"it did not finish: see {done.log}")
    records = [json.loads(line) for line in (folder / _FILE).read_text().splitlines()]
    versions = json.loads((folder / "versions.json").read_text())
    text = page(records, versions, processor)
    if cases:
        click.echo(text)
        return
    PAGE.write_text(text)
    click.echo(f"{PAGE.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
