"""Nothing that strangers write reaches a terminal as they wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.text import clean, wrap


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (b"gopls", "gopls"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"two\nlines", "two\\x0alines"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("日本語 🎉", "日本語 🎉"),
        ("a\u202eb", "a\\u202eb"),  # right-to-left override
        ("\ud800", "\\ud800"),  # a lone surrogate
        ("\U000e0001", "\\U000e0001"),
        (b"[bold]x[/]", "[bold]x[/]"),  # markup is for the views to leave alone
    ],
)
def test_clean_returns_one_printable_line(raw: bytes | str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@given(st.binary(max_size=600) | st.text(max_size=600), st.integers(1, 300))
def test_any_text_becomes_printable_and_short(raw: bytes | str, limit: int) -> None:
    text = clean(raw, limit)
    assert text.isprintable()
    assert "\n" not in text
    text.encode()  # no lone surrogate is left


def test_text_is_wrapped_between_words_and_indented() -> None:
    text = "gopls 4711 in build-42 ended by itself"
    assert wrap(text, 20, first="fix: ", following="     ") == [
        "fix: gopls 4711 in",
        "     build-42 ended",
        "     by itself",
    ]


def test_a_word_that_is_longer_than_a_line_is_broken() -> None:
    assert wrap("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_an_empty_text_has_no_lines() -> None:
    assert wrap("") == []
