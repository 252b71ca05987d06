"""Words, commands and their places, as a shell would split them."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.doctor.files.shell import commands, construct_end, statements
from ebpftrace.doctor.files.source import Place, Source
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand


def source(text: str) -> Source:
    return Source([(text, Place(1, 1))])


def split(text: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in commands(source(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b; c && d || e | f & g", [["a", "b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("if ! a; then b; else c; fi", [["a"], ["b"], ["c"]]),
        ("a 'b c' \"d $e\" f\\ g", [["a", "b c", "d $e", "f g"]]),
        ("a # b; c", [["a"]]),
        ("a b#c '#d'", [["a", "b#c", "#d"]]),
        ("a >b 2>&1 <<EOF c", [["a", "c"]]),
        ('a $(b "$(c)") `d`', [["b", "$(c)"], ["c"], ["d"], ["a", '$(b "$(c)")', "`d`"]]),
        ("(a; b) { c; }", [["a"], ["b"], ["c"]]),
        ('a ${{ x && y }}/z "${b:-c d}"', [["a", "${{ x && y }}/z", "${b:-c d}"]]),
        ("a 'b", [["a", "b"]]),
        ('a "b', [["a", "b"]]),
        ("", []),
    ],
)
def test_commands_are_split_as_by_a_shell(text: str, expected: list[list[str]]) -> None:
    found = [[word for word in one if word != "}"] for one in split(text)]
    assert sorted(filter(None, found)) == sorted(expected)


def test_a_word_knows_its_place_also_within_quotes_and_substitutions() -> None:
    found = {
        word.text: (word.start.column, word.end.column)
        for statement in statements(source("""sh -c "a; b 'c d'" $(e)"""))
        if isinstance(statement, SimpleCommand)
        for word in statement.words
    }
    assert (found["a"], found["b"], found["c d"]) == ((8, 9), (11, 12), (13, 18))
    assert found["e"] == (22, 23)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1 b", [("A", "1")]),
        ("export A='1 2' B=$(c)", [("A", "1 2"), ("B", "$(c)")]),
        ("docker run -e A=1 --env=B=2 c", [("A", "1"), ("B", "2")]),
        ("echo A=1", []),
        ('echo "A=1" >> "$GITHUB_ENV"', [("A", "1")]),
        ("make A+=1", [("A", "1")]),
    ],
)
def test_settings_of_commands(text: str, expected: list[tuple[str, str]]) -> None:
    assert [
        (one.name.text, one.value.text)
        for one in statements(source(text))
        if isinstance(one, Assignment)
    ] == expected


def test_a_setting_is_where_its_name_is() -> None:
    (one,) = (
        each for each in statements(source("x; -e AB=cd")) if isinstance(each, Assignment)
    )
    assert (one.name.start, one.value.start, one.value.end) == ((1, 7), (1, 10), (1, 12))


@given(st.lists(st.text("ab '\"\\$(){}`#;|&<>=\n", min_size=1, max_size=12), max_size=6))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    quoted = " ".join(map(shlex.quote, words))
    assert [[*one] for one in split(f"x {quoted}")][-1] == ["x", *words]


@given(st.text("ab'\"\\$(){}`#;|&<>= ", max_size=60))
def test_any_text_is_split_and_every_place_is_in_it(text: str) -> None:
    for statement in statements(source(text)):
        for word in statement.words if isinstance(statement, SimpleCommand) else statement[:2]:
            assert 1 <= word.start.column <= word.end.column <= len(text) + 1


@pytest.mark.parametrize("text", ["$(a)b", "'a)'b", '"a\\"b"b', "${a}b", '$("$(a)")b', "`a`b"])
def test_a_construct_ends_behind_its_closer(text: str) -> None:
    assert construct_end(text, 0) == len(text) - 1
