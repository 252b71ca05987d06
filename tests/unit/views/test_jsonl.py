import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.views.json_text.encode import json_line
from ebpftrace.views.jsonl import JsonLines
from tests.support import watches


def _written(*names: str) -> list[str]:
    lines: list[str] = []
    view = JsonLines(lines.append)
    view.start(watches.started())
    for name in names:
        view.note(watches.process_note(comm=name))
    view.snapshot(watches.example())
    view.end(watches.example(), "stopped by Ctrl-C")
    return lines


def test_one_object_a_line_from_start_to_end() -> None:
    lines = _written("gopls")
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert [json.loads(line)["type"] for line in lines] == [
        "start",
        "process",
        "snapshot",
        "end",
    ]


def test_a_line_is_ascii_and_names_survive_the_round_trip() -> None:
    name = '日本🚀"\\\u2028'
    line = _written(name)[1]
    assert line.isascii()
    assert json.loads(line)["comm"] == name


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    line = _written("a\udc80🚀\ud800")[1]
    assert json.loads(line)["comm"] == "a\ufffd🚀\ufffd"


def test_text_that_looks_like_an_escaped_surrogate_is_left_alone() -> None:
    assert json.loads(_written("\\udc80")[1])["comm"] == "\\udc80"


@given(st.text(st.characters()))
def test_any_text_makes_one_line_that_strict_readers_take(text: str) -> None:
    line = json_line({"comm": text})
    assert line.count("\n") == 1
    read: dict[str, Any] = json.loads(line)
    read["comm"].encode()  # raises on a lone surrogate
