"""Whole files: what circulates is found, what was measured to help is not.

In texts/seed a comment `next: RULE…` names what finds the next line. texts/public has files in
the way of well-known Go projects.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ebpftrace.doctor.files.lint import RULES, lint, lint_text
from ebpftrace.doctor.files.output import lines

TEXTS = Path(__file__).parent / "texts"
SEED = sorted((TEXTS / "seed").iterdir())
CLEAN = sorted([*(TEXTS / "good").iterdir(), *(TEXTS / "public").iterdir()])
EXPECTED = re.compile(r"\s*(?:#|//) next: (.+)")


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", SEED, ids=name)
def test_each_command_that_circulates_is_found_and_explained(path: Path) -> None:
    expected = [
        (number + 1, rule)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := EXPECTED.fullmatch(line))
        for rule in found[1].split()
    ]
    problems = lint(path).problems
    assert sorted((one.start.line, one.rule.name) for one in problems) == sorted(expected)
    for one in problems:
        assert one.seen
        assert one.rule.why
        assert one.fix


def test_the_files_of_the_seed_have_every_rule_that_needs_no_history() -> None:
    found = {one.rule.name for path in SEED for one in lint(path).problems}
    assert found == {rule.name for rule in RULES} - {"file", "limit-below-past"}


@pytest.mark.parametrize("path", CLEAN, ids=name)
def test_good_advice_and_files_of_public_projects_are_clean(path: Path) -> None:
    assert [*lines(lint(path))] == []


def test_a_problem_is_one_line_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.sh"
    path.write_text("true; gopls -memprofile=x\n")
    (line,) = lines(lint(path))
    assert line == (
        f"{path}:1:13: error: gopls -memprofile: gopls has no such flag, and ends with exit "
        "code 2; for a heap profile write -profile.mem=FILE [gopls-flag]"
    )


def test_columns_are_characters_also_behind_a_byte_order_mark_and_carriage_returns() -> None:
    (one,) = lint_text("x.sh", "echo über; gopls --skip-install\r\n")
    assert (one.start, one.end) == ((1, 18), (1, 32))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.write_bytes(b"\0\1"), "not a text file"),
        (lambda path: path.write_bytes(b"a" * (1 << 20) + b"b"), "larger than 1 MiB"),
        (lambda path: path.symlink_to(path), "Too many levels"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_its_own(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "ci.yml"
    make(path)
    (line,) = lines(lint(path))
    assert re.search(rf"ci\.yml:1:1: error: .*{reason}.* \[file\]", line), line


@pytest.mark.parametrize("file", ["x.yml", "x.json", "Dockerfile", "Makefile", "x.sh"])
@pytest.mark.parametrize(
    "text",
    [
        "$(" * 30_000,
        '"$(' * 20_000,
        "`" * 60_001,
        "[" * 60_000,
        '{"a":' * 12_000,
        "- " * 30_000,
        "a: " * 20_000,
        "sh -c " * 10_000,
        "a='" * 20_001,
        "${{" * 20_000,
        "\\\n" * 20_000,
        "- gopls\n" * 10_000,
        "GOCACHE=$a$b\n" * 10_000,
        "gopls -memprofile\n" * 10_000,
        "/*" * 60_000,
        "&a [*a,*a]\n" * 10_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_hostile_file_is_read_in_time_that_grows_with_its_length(
    file: str, text: str
) -> None:
    # The bound of pytest-timeout ends what would grow faster.
    assert len(lint_text(file, text)) <= 500


def test_text_of_the_file_reaches_no_terminal_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J.sh"
    path.write_text("GOMEMLIMIT=2GB gopls\nfind /tmp -name 'gopls-*\x1b[31m' -delete\n")
    found = "\n".join(lines(lint(path)))
    assert len(found.splitlines()) == 2
    assert "\x1b" not in found
