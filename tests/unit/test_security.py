"""SECURITY.md: each promise names tests that exist."""

import re
from pathlib import Path

import pytest

from tests.support.build import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISED = PAGE.partition("## What is promised")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (?!promise|---)(.+) \| (.+) \|$", PROMISED, re.MULTILINE)


def test_the_table_is_read() -> None:
    assert len(ROWS) > 20
    assert len(ROWS) == len(set(ROWS)) == PROMISED.count("\n| ") - 2


@pytest.mark.parametrize(("promise", "tests"), ROWS, ids=[row[0][:50] for row in ROWS])
def test_each_promise_names_its_tests(promise: str, tests: str) -> None:
    named = re.findall(r"`([^`]+)`", tests)
    assert named, promise
    for name in named:
        path = ROOT / name
        assert path.exists(), name
        found = [path] if path.is_file() else list(path.rglob("test_*.py"))
        assert any("def test_" in Path(file).read_text(encoding="utf-8") for file in found)


def test_every_attack_is_in_the_table() -> None:
    missing = [
        file.name for file in (ROOT / "tests/hostile").glob("test_*.py")
        if f"`tests/hostile/{file.name}`" not in PROMISED
    ]  # fmt: skip
    assert missing == []
