"""Errors as they are printed."""

import click
import pytest

from ebpftrace.cli.report import report, report_usage
from ebpftrace.errors import EbpftraceError, GoneError


def test_what_why_and_fix_are_printed_and_the_code_returned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(GoneError("there is no process 4711", why="it has ended", fix="ps -e")) == 9
    assert capsys.readouterr().err == (
        "ebpftrace: there is no process 4711\n  why: it has ended\n  fix: ps -e\n"
    )


def test_long_lines_are_wrapped_below_their_label(capsys: pytest.CaptureFixture[str]) -> None:
    report(EbpftraceError("no", why="word " * 40))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("  why: word")
    assert all(line.startswith("       word") for line in lines[2:])


def test_only_the_last_lines_of_a_long_text_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(EbpftraceError("no", why="\n".join(f"line {number}" for number in range(100))))
    printed = capsys.readouterr().err
    assert "line 99" in printed
    assert "line 85" not in printed


def test_escape_sequences_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    report(EbpftraceError("no", why="\x1b[2J"))
    assert "\\x1b[2J" in capsys.readouterr().err


def test_a_usage_error_of_click_names_the_help_of_its_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = click.Context(click.Command("watch"), info_name="ebpftrace watch")
    assert report_usage(click.UsageError("No such option.", context)) == 2
    assert capsys.readouterr().err == (
        "ebpftrace: no such option\n  fix: see: ebpftrace watch --help\n"
    )
