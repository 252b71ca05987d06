"""A record is one line of ASCII that strict parsers take."""

import json

import pytest

from ebpftrace.views.json_text.encode import json_line, json_text


@pytest.mark.parametrize(
    ("text", "read"),
    [("é\n\0", "é\n\0"), ("\ud800x", "\ufffdx"), ("a\udfff", "a\ufffd"), ("😀", "😀")],
)
def test_strings_are_escaped_and_lone_surrogates_replaced(text: str, read: str) -> None:
    line = json_line({"comm": text, "n": [1, None]})
    assert line.isascii()
    assert line.count("\n") == 1
    assert line.endswith("}\n")
    assert json.loads(line) == {"comm": read, "n": [1, None]}
    assert json_text({"comm": text, "n": [1, None]}) + "\n" == line


def test_a_figure_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError):
        json_text({"share": float("nan")})
