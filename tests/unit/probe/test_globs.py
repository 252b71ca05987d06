"""The kernel's matcher for names, run here as it runs there: against fnmatch."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.errors import UsageError
from ebpftrace.probe.globs import MAX_WORDS, compile_globs, matches
from ebpftrace.process_names import COMM_BYTES
from tests.support.patterns import has_no_oddity

LETTERS = st.text("abgo-[]!*?", max_size=12)
GLOBS = LETTERS.filter(bool).filter(has_no_oddity)


@pytest.mark.parametrize(
    ("glob", "comm", "expected"),
    [
        ("gopls", "gopls", True),
        ("gopls", "gopl", False),
        ("gopls", "goplsx", False),
        ("go*", "go", True),
        ("go*", "gopls", True),
        ("*pls", "gopls", True),
        ("*o*l*", "gopls", True),
        ("go?ls", "gopls", True),
        ("go?ls", "gols", False),
        ("[gh]opls", "hopls", True),
        ("[!gh]opls", "hopls", False),
        ("[a-f]x", "ex", True),
        ("*", "", True),
        ("[", "[", True),
        ("a-very-long-process-name", "a-very-long-pro", True),  # all the kernel keeps of it
    ],
)
def test_glob_matches_names(glob: str, comm: str, expected: bool) -> None:
    assert matches(*compile_globs((glob,)), comm.encode()) is expected


@given(glob=GLOBS, comm=LETTERS)
def test_matching_agrees_with_fnmatch(glob: str, comm: str) -> None:
    expected = fnmatch.fnmatchcase(comm[:COMM_BYTES], glob)
    assert matches(*compile_globs((glob,)), comm.encode()) is expected


@given(globs=st.lists(GLOBS, min_size=1, max_size=12), comm=LETTERS)
def test_any_of_several_globs_may_match(globs: list[str], comm: str) -> None:
    expected = any(fnmatch.fnmatchcase(comm, glob) for glob in globs)
    assert matches(*compile_globs(tuple(globs)), comm.encode()) is expected


def test_table_has_the_size_of_the_kernel_struct() -> None:
    for count in (1, 10, 30):
        table, words = compile_globs(("abcdefghijk",) * count)
        assert len(table) == (256 + 3) * 8 * words


def test_too_many_globs_are_refused() -> None:
    with pytest.raises(UsageError, match="too many"):
        compile_globs(("abcdefghijklmno",) * (4 * MAX_WORDS + 1))


def test_too_long_glob_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        compile_globs(("?" * 64,))


def test_empty_glob_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        compile_globs(("",))
