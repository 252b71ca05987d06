"""Words that must not come back: docs, help, errors and output say process, job, cgroup."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
MODULES = sorted((ROOT / "ebpftrace").rglob("*.py"))
FOLDERS = ("ebpftrace", "bpf", "tests", "bench", "vagrant", "scripts", ".ci")
SUFFIXES = {"", ".c", ".go", ".h", ".java", ".js", ".md", ".py", ".rb", ".service", ".sh"}
FILES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in SUFFIXES and path.is_file() and path != Path(__file__)
    if not {"traces", "__pycache__"} & set(path.parts)
    if b"\0" not in path.read_bytes()  # a program that was built there
)

NOWHERE = re.compile(
    r"(?<![a-z])(whom|whoever|whomever|somebody|everybody|anybody|the books|booking|roads?"
    r"|goes[ _]on|go[ _]on|went[ _]on|let[ _]it[ _]go|lets?[ _]go|stands?[ _]still"
    r"|(?<!the user )(?<!as_)nobody(?!\")|(?<!user )who"
    r"|is told|are told|was told|tells of|told of|[a-z_]*_books|(?:is|are|was|were) meant"
    r"|taken by the oom killer|oom killer t(?:ook|akes))(?![a-z])",
    re.IGNORECASE,
)
"""Words for persons used of a process, and the project's former dialect.

Each has a plain word: continues, resumes, reports, the ledger … A user is a person, and
"nobody" is the name of one.
"""

NOT_FOR_USERS = re.compile(NOWHERE.pattern + r"|\b(nobody|told(?! apart))\b", re.IGNORECASE)


def strings(module: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that can reach a user: all but docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_text_speaks_of_processes_not_of_persons(file: Path) -> None:
    lines = enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
    assert [(number, line) for number, line in lines if NOWHERE.search(line)] == []


def test_every_folder_is_read() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(FOLDERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_plain_words(page: Path) -> None:
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
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
    for text in (
        "Whoever grows", "who is ended", "the ladder goes on", "nobody_waits",
        "_by_books(counters)", "the process that was meant", "was taken by the OOM killer",
    ):  # fmt: skip
        assert NOWHERE.search(text)
    for text in ("the user nobody", 'getpwnam("nobody")', "a user who has no rights"):
        assert not NOWHERE.search(text)
