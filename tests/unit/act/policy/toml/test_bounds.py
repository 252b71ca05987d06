"""Texts that would take minutes to read are refused by one look at them."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.policy.toml.bounds import MOST_DEPTH, MOST_PARTS, beyond_bounds
from tests.support.effort import effort_of

LONG_KEY = "a." * 200 + "a"
LONG = f"a key of more than {MOST_PARTS} parts"
DEEP = f"arrays or tables more than {MOST_DEPTH} deep"


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG_KEY} = 1", f"[{LONG_KEY}]", f"[[{LONG_KEY}]]", f"x = {{ {LONG_KEY} = 1 }}",
        f"x = [1, {{ y = 1, {LONG_KEY} = 1 }}]", "a . " * 200 + "a = 1",
        '"a\\"b".' * 200 + "a = 1", "'a\\'\t.\t" * 200 + "a = 1", '"".' * 200 + "a = 1",
        f'x = """a"""""\n{LONG_KEY} = 1', f"x = ['''a'''', \"b\"]\n{LONG_KEY} = 1",
        f'x = "a" # "\n{LONG_KEY} = 1', f"x = 'a\\'\n{LONG_KEY} = 1",
    ],
)  # fmt: skip
def test_long_keys_are_found_wherever_a_key_may_be(text: str) -> None:
    line = text.count("\n") + 1
    assert beyond_bounds(text) == (line, LONG)


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 200, "x = " + "{a=" * 200, "x = " + "[{a=" * 99]
)
def test_deep_values_are_found(text: str) -> None:
    assert beyond_bounds("y = [[1]]\n" + text) == (2, DEEP)


@pytest.mark.parametrize(
    "text",
    [
        f'x = "{LONG_KEY}"', f"x = '{LONG_KEY}'", f"# {LONG_KEY}", f'x = """{LONG_KEY}\n"""',
        f"x = '''\n{LONG_KEY}'''", 'x = "' + "[" * 99 + '"', "# " + "[" * 99,
        "[[a]]\n[a.b]\nc = [1, [2]]\n" * 99, 'x = "\\"' + "a." * 99 + '"', "x = 1.5\n" * 99,
        "a.b.c.d = 1\n" * 99, "",
    ],
)  # fmt: skip
def test_ordinary_texts_are_not_refused(text: str) -> None:
    assert beyond_bounds(text) is None


@pytest.mark.parametrize(
    "piece", ["a.", "[", '"', "'", '"\\"', '"""', "'''", '"a".', "a .", "#\n", "\n", " ", "=\\",
              '""', '"""\\"', "a.a\n", "'''a''", "[]"]
)  # fmt: skip
def test_a_look_costs_no_more_than_the_text_is_long(piece: str) -> None:
    effort = effort_of(lambda: beyond_bounds(piece * (65536 // len(piece))))
    assert effort.steps < 10 * 65536
    assert effort.peak_bytes < 1 << 19


PIECES = st.sampled_from(
    ['"', "'", '"""', "'''", "\\", "\n", " ", ".", "=", "#", "[", "]", "{", "}", ",", "a", "1"]
)


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(["", "\n"]))
def test_what_tomllib_accepts_hides_no_long_key(text: str, between: str) -> None:
    """Whatever stands before it, as long as tomllib reads that as whole lines."""
    try:
        tomllib.loads(f"{text}\n{between}")
    except ValueError:
        return
    line = (text + between).count("\n") + 2
    assert beyond_bounds(f"{text}\n{between}{LONG_KEY} = 1") == (line, LONG)
