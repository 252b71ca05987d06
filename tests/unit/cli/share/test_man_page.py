"""The man page, of commands made for these tests and of the product's."""

import click

from ebpftrace.cli import cli
from ebpftrace.cli.share.man_page import commands_of, man_page


@click.group(help="A tool that's small.\n\nIt has two paragraphs.")
def tool() -> None: ...


@tool.command(epilog="\b\nExamples:\n  tool run --fast\n.hidden\n\nThe end.")
@click.argument("name")
@click.option("--fast", is_flag=True, help="Run\\faster.")
def run(name: str, fast: bool) -> None:
    """Run it."""


def test_each_command_has_a_section_with_its_options() -> None:
    lines = man_page(tool).splitlines()
    start = lines.index(".SS ebpftrace run [OPTIONS] NAME")
    assert lines[start : start + 6] == [
        ".SS ebpftrace run [OPTIONS] NAME",
        ".PP",
        "Run it.",
        ".TP",
        ".B \\-\\-fast",
        "Run\\efaster.",
    ]


def test_examples_keep_their_line_breaks_and_no_line_becomes_a_macro() -> None:
    lines = man_page(tool).splitlines()
    start = lines.index(".nf")
    assert lines[start : lines.index(".fi")] == [
        ".nf",
        "Examples:",
        "  tool run \\-\\-fast",
        "\\&.hidden",
    ]
    assert "The end." in lines


def test_quotes_are_printed_as_they_are() -> None:
    assert "A tool that\\(aqs small." in man_page(tool)


def test_the_product_s_page_has_every_command_and_exit_code() -> None:
    page = man_page(cli)
    for name, _command in commands_of(cli):
        assert f"\n.SS ebpftrace {name} " in page
    codes = page.partition(".SH EXIT STATUS")[2]
    for code in (*range(12), 130):
        assert f"\n.B {code}\n" in codes
