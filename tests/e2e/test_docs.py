"""What is documented is what there is: options, commands and exit codes."""

import re
from collections.abc import Iterator

import click
import pytest
from rich.cells import cell_len

from ebpftrace import errors
from ebpftrace.cli import cli
from ebpftrace.cli.share.man_page import commands_of
from ebpftrace.probe.structs import LOSSES
from ebpftrace.views.pipe.backlog import CAUSE
from tests.support.build import ROOT
from tests.support.cli import COLUMNS, ebpftrace

BY_NAME = dict(commands_of(cli))
COMMANDS = [(), *((name,) for name in BY_NAME)]


def error_types(base: type[errors.EbpftraceError]) -> Iterator[type[errors.EbpftraceError]]:
    if "exit_code" in vars(base):  # a finer kind of error ends with its parent's code
        yield base
    for child in base.__subclasses__():
        yield from error_types(child)


def test_every_exit_code_is_listed_and_every_one_that_is_listed_exists() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/exit-codes.md").read_text(), re.MULTILINE)
    codes = [kind.exit_code for kind in error_types(errors.EbpftraceError)]
    assert len(set(codes)) == len(codes), "each kind of error has its own"
    assert sorted(map(int, rows)) == [0, *sorted(codes), 130]


def test_help_lists_the_exit_codes() -> None:
    exit_codes = ebpftrace("--help").stdout.partition("Exit codes:")[2]
    codes = [kind.exit_code for kind in error_types(errors.EbpftraceError)]
    assert [int(code) for code in re.findall(r"(?:^|[·\n])\s*(\d+) ", exit_codes)] == [
        0,
        *sorted(codes),
        130,
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_eighty_columns_and_has_examples(command: tuple[str, ...]) -> None:
    done = ebpftrace(*command, "--help", environment={"COLUMNS": "200"})
    assert done.returncode == 0
    assert not done.stderr
    assert max(map(cell_len, done.stdout.splitlines())) <= COLUMNS
    assert "Example" in done.stdout
    assert ebpftrace(*command, "-h").stdout == ebpftrace(*command, "--help").stdout


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_command_and_option_is_documented(name: str) -> None:
    docs = "\n".join(
        path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    )
    assert f"ebpftrace {name}" in docs
    for parameter in BY_NAME[name].params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert f"`{option}" in docs, option


def test_the_reference_of_watch_names_no_option_that_is_not_there() -> None:
    reference = (ROOT / "docs/watch.md").read_text()
    options = {option for p in BY_NAME["watch"].params for option in p.opts}
    assert set(re.findall(r"`(--[a-z-]+)", reference)) - {"--help"} == options


def test_every_cause_of_a_loss_is_listed_and_every_one_that_is_listed_exists() -> None:
    text = (ROOT / "docs/jsonl.md").read_text()
    table = text.partition("| `cause` | what was missed |\n")[2].partition("\n\n")[0]
    listed = [
        cause
        for row in table.splitlines()
        for cause in re.findall("`([a-z_]+)`", row.split(" | ")[0])
    ]
    # No map counts these: see probe/reading.py, engine/dispatcher.py, views/pipe/backlog.py.
    others = (
        "undecodable", "missed_runs", "unidentified", "proc_timeouts", "history", "runs_full",
        "descriptors", "memory", CAUSE,
    )  # fmt: skip
    assert listed == [*LOSSES, *others]
