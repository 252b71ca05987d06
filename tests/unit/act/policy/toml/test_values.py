"""How a value is shown in an error."""

import datetime

import pytest

from ebpftrace.act.policy.toml.values import BOOL, TEXT, choice, found, several


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a", '"a"'), ("é\x1b", '"é\\u001b"'), ("x" * 99, '"' + "x" * 58 + "…"), (True, "true"),
        (1.5, "1.5"), ({}, "a table"), ([1], "an array"),
        (datetime.date(2026, 1, 2), "2026-01-02"), (10**4000, "1" + "0" * 58 + "…"),
        ("\u202e", '"\\u202e"'),
    ],
)  # fmt: skip
def test_what_was_found(value: object, words: str) -> None:
    assert found(value) == words


def test_one_value_stands_for_an_array_of_one() -> None:
    kind = several(TEXT)
    assert kind.read("a") == kind.read(["a"]) == ("a",)
    assert kind.read([]) == ()
    with pytest.raises(ValueError):
        kind.read(["a", 1])


def test_a_choice_lists_its_names() -> None:
    assert choice({"a": 1, "b": 2}).expected == '"a" or "b"'
    assert choice({"a": 1, "b": 2, "c": 3}).expected == 'one of "a", "b", "c"'
    assert choice({"a": 1}).read("a") == 1
    with pytest.raises(ValueError):
        choice({"True": 1}).read(True)
    with pytest.raises(ValueError):
        BOOL.read(1)
