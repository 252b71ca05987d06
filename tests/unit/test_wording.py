"""Words that must not come back: docs, help, errors and output say process, job, cgroup."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
MODULES = sorted((ROOT / "ebpftrace").rglob("*.py"))
KERNEL_SIDE = sorted([*(ROOT / "bpf").glob("*.c"), *(ROOT / "bpf").glob("*.h")])

NOWHERE = re.compile(r"\b(whom|whoever|whomever)\b", re.IGNORECASE)
NOT_FOR_USERS = re.compile(
    r"\b(somebody|nobody|everybody|anybody|goes on|go on|let go|lets go|stands? still"
    r"|is told|are told|was told|tells of|the books|road)\b",
    re.IGNORECASE,
)
"""The project's former dialect. Each has a plain word: resumes, reports, the ledger …"""


def strings(module: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that can reach a user: all but docstrings."""
    tree = ast.parse(module.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = {
        id(statement.value) for statement in ast.walk(tree) if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings | constants:
            continue
        if isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "file", [*PAGES, *MODULES, *KERNEL_SIDE], ids=lambda file: str(file.relative_to(ROOT))
)
def test_text_speaks_of_processes_not_of_persons(file: Path) -> None:
    lines = enumerate(file.read_text().splitlines(), 1)
    assert [(number, line) for number, line in lines if NOWHERE.search(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_plain_words(page: Path) -> None:
    lines = enumerate(page.read_text().splitlines(), 1)
    assert [(number, line) for number, line in lines if NOT_FOR_USERS.search(line)] == []


def test_output_uses_plain_words() -> None:
    found = [
        (str(module.relative_to(ROOT)), line, text)
        for module in MODULES
        for line, text in strings(module)
        if NOT_FOR_USERS.search(text)
    ]
    assert found == []


def test_the_list_finds_what_it_is_for(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""whom, nobody"""\nTEXT = "nobody stands"\n')
    assert [text for _, text in strings(module) if NOT_FOR_USERS.search(text)] == [
        "nobody stands"
    ]
    assert NOWHERE.search("Whoever grows")
