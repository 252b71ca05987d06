"""The exit codes: unique, and listed."""

import re
from pathlib import Path

from ebpftrace import errors
from ebpftrace.errors import EbpftraceError
from tests.support.build import ROOT

KINDS = {
    kind.__name__: kind.exit_code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, EbpftraceError)
}


def test_every_kind_has_a_code_of_its_own() -> None:
    assert sorted(KINDS.values()) == list(range(1, len(KINDS) + 1))


def test_the_list_of_the_module_is_theirs() -> None:
    listed = re.findall(r"(\w+Error) +(\d+) ", errors.__doc__ or "")
    assert {name: int(code) for name, code in listed} == KINDS


def test_the_page_has_every_code() -> None:
    page = (Path(ROOT) / "docs/exit-codes.md").read_text()
    codes = {int(code) for code in re.findall(r"^\| `?(\d+)`? ", page, re.MULTILINE)}
    assert set(KINDS.values()) <= codes


def test_what_why_and_fix_are_kept() -> None:
    error = EbpftraceError("it broke", why="it was old", fix="buy another")
    assert (str(error), error.what, error.why, error.fix) == (
        "it broke", "it broke", "it was old", "buy another",
    )  # fmt: skip
