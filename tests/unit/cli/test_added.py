"""What is added in the one place that docs/rooms.md names appears in the help by itself."""

import subprocess
import sys

import pytest

from tests.support.build import ROOT

EXIT_CODE = """
import ebpftrace.errors as errors

class NewError(errors.EbpftraceError):
    "Something new."
    exit_code = 99
    summary = "something new"

class SameError(NewError):
    "Something else, with the same code."
"""
OUTPUT = """
from typing import Literal
import ebpftrace.views.factory as factory
factory.Output = Literal["table", "plain", "jsonl", "csv"]
"""
CLI = """
from ebpftrace.cli import cli
from ebpftrace.cli.share.man_page import man_page
print(man_page(cli))
cli(ARGUMENTS, prog_name="ebpftrace")
"""


def man_page_and_help(before: str, *arguments: str) -> str:
    """Of a process of its own: a class that a test defines stays as long as the process."""
    code = before + CLI.replace("ARGUMENTS", repr([*arguments, "--help"]))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        encoding="utf-8", env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )  # fmt: skip
    return done.stdout


def test_an_exit_code_is_in_the_help_and_in_the_man_page() -> None:
    text = man_page_and_help(EXIT_CODE)
    assert text.count("99 something new") == 1
    assert text.count(".B 99\nSomething new.\n") == 1


@pytest.mark.parametrize("before, names", [(OUTPUT, "table|plain|jsonl|csv"),
                                           ("", "table|plain|jsonl")])  # fmt: skip
def test_an_output_is_in_the_help_and_in_the_man_page(before: str, names: str) -> None:
    assert man_page_and_help(before, "watch").count(f"output [{names}][:FILE]") == 2


def test_exit_codes_fit_a_terminal() -> None:
    epilog = man_page_and_help(EXIT_CODE).rpartition("Exit codes: 0 done")[2]
    assert "130 interrupted before a watch began" in epilog
    assert max(map(len, epilog.splitlines())) <= 78
