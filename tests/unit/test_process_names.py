from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.process_names import (
    COMM_BYTES,
    bracket,
    can_match_a_name,
    cut_name,
    executed_name,
    matches_any,
    meet,
)
from tests.support.patterns import has_no_oddity

GLOBS = st.text(alphabet="ab*?[]!-/", max_size=8).filter(has_no_oddity)


@pytest.mark.parametrize(
    ("comm", "program", "args", "name"),
    [
        ("node-MainThread", "/usr/bin/node", ("node", "server.js"), "node"),
        ("gopls", "/opt/gopls-1.2", ("/usr/bin/gopls",), "gopls"),  # a link
        ("lint.py", "/usr/bin/python3.11", ("python3", "-u", "/ci/lint.py"), "lint.py"),
        ("worker", "/usr/bin/python3.11", ("python3", "/ci/lint.py"), "python3.11"),
        ("typescript-lang", "/n/typescript-language-server", (), "typescript-lang"),
        ("x", "/n/typescript-language-server", (), "typescript-lang"),
        ("x", "", (), "x"),
        ("x", "/usr/bin/größenwahnsinnig", (), "größenwahnsin"),
    ],
)
def test_name_at_exec_of_a_process_that_runs_already(
    comm: str, program: str, args: tuple[str, ...], name: str
) -> None:
    assert executed_name(comm, program, args) == name


def test_either_name_matches() -> None:
    assert matches_any(("node",), ("node-MainThread", "node"))
    assert matches_any(("typescript-language-server",), ("typescript-lang",))
    assert not matches_any(("node",), ("node-MainThread", ""))


@pytest.mark.parametrize(
    ("glob", "can"),
    [
        ("gopls", True),
        ("typescript-language-server", True),  # a plain name is cut
        ("typescript-language-s*", False),
        ("/usr/bin/gopls", False),
        ("*/gopls", False),
        ("[/]", False),
        ("[a/]b", True),
        ("?" * COMM_BYTES, True),
        ("?" * COMM_BYTES + "?", False),
        ("*", True),
        ("[", True),
    ],
)
def test_pattern_that_no_name_can_match(glob: str, can: bool) -> None:
    assert can_match_a_name(glob) == can


@given(GLOBS, st.text(alphabet="ab", max_size=COMM_BYTES))
def test_pattern_that_matches_a_name_can_match_one(glob: str, name: str) -> None:
    if fnmatchcase(name, glob):
        assert can_match_a_name(glob)


@given(GLOBS, GLOBS, st.text(alphabet="ab-[]!", max_size=6))
def test_patterns_that_match_the_same_text_meet(left: str, right: str, text: str) -> None:
    if fnmatchcase(text, left) and fnmatchcase(text, right):
        assert meet(left, right)


@pytest.mark.parametrize(
    ("left", "right", "do"),
    [
        ("node", "node-MainThread", False),
        ("node*", "node-MainThread", True),
        ("go*", "*pls", True),
        ("a*b", "*c", False),
        ("[!a]*", "a*", False),
        ("[!a]*", "?b", True),
        ("*", "", True),
        ("?*", "", False),
    ],
)
def test_patterns_meet_where_one_text_matches_both(left: str, right: str, do: bool) -> None:
    assert meet(left, right) == meet(right, left) == do


@given(st.text(alphabet="abz-!]", max_size=6).filter(has_no_oddity), st.sampled_from("abz-!]["))
def test_bracket_accepts_the_letters_that_fnmatch_accepts(inside: str, letter: str) -> None:
    accepted, after = bracket(f"[{inside}".encode(), 1, frozenset(range(1, 256)))
    rest = f"[{inside}"[after:]
    assert (ord(letter) in accepted) == fnmatchcase(letter + rest, f"[{inside}")


@given(st.text(max_size=40))
def test_cut_name_fits_the_kernel(name: str) -> None:
    name = name.encode(errors="ignore").decode()
    assert len(cut_name(name).encode()) <= COMM_BYTES
    assert name.startswith(cut_name(name))
