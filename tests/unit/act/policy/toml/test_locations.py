"""Lines of keys, held against what tomllib finds in the same text."""

import tomllib
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.policy.toml.locations import KeyPath, locate

TEXT = '''\
# a comment = "with a key"
top = 1
"quoted key" . 'and more' = "x # no comment" # a comment
[[policy]]
name = """a
[not.a.table]
b = 1"""
when = [ # first
  { detector = "level", "bound" = '85%' }, { detector = "oom" },
  [1, 2,
   3],
]
[policy.match]
comm = ["a", "]"]
[[policy]]
name = \'\'\'x\'\'\'\'\'
[[policy.then]]
action = "a"
[[policy.then]]
"action" = "b"
since = 1979-05-27 07:32:00
'''


def test_lines() -> None:
    lines = locate(TEXT)
    assert lines["top",] == 2
    assert lines["quoted key", "and more"] == 3
    assert lines["policy", 0, "name"] == 5
    assert lines["policy", 0, "when", 0, "bound"] == 9
    assert lines["policy", 0, "when", 1] == 9
    assert lines["policy", 0, "when", 2, 2] == 11
    assert lines["policy", 0, "match", "comm"] == 14
    assert lines["policy", 1] == 15
    assert lines["policy", 1, "then", 1, "action"] == 20
    assert set(paths(tomllib.loads(TEXT))) <= set(lines) | {("policy",), ("policy", 1, "then")}


def paths(value: object, at: KeyPath = ()) -> Iterator[KeyPath]:
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*at, index))


MARKS = [
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "#",
    '"',
    '"""',
    "'",
    "'''",
    "\\",
    " ",
    "\n",
    "\r\n",
]
WORDS = ["a", "b-1", "1.5", "true", '"x"', "é", "\\u00e9", "1979-05-27 07:32:00"]
LINES = ["[[a]]", "[a.b]", "\na = ", "\nb.c = ", "\n[b]\n", "\n[[a.c]]\n"]
VALUES = ["{a = 1, b = [1]}", "[1, \n2,]"]
PIECES = st.sampled_from([*MARKS, *WORDS, *LINES, *VALUES])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_whatever_tomllib_accepts_is_located_to_the_last_leaf(text: str) -> None:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = locate(text)
    for path in paths(found):
        # An array of tables is located by its elements, a dotted header by its last table.
        assert path in lines or any(other[: len(path)] == path for other in lines), path
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
