"""Makefiles."""

from ebpftrace.doctor.files.formats.lines import Line
from ebpftrace.doctor.files.formats.makefile import statements
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand


def read(text: str) -> tuple[dict[str, str], list[list[str]]]:
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(), 1)]
    found = list(statements(lines))
    settings = {one.name.text: one.value.text for one in found if isinstance(one, Assignment)}
    commands = [
        [word.text for word in one.words] for one in found if isinstance(one, SimpleCommand)
    ]
    return settings, commands


def test_variables() -> None:
    text = "A = 1\nexport B := $(shell x -y)\nC ?= 2 # 3\nt: export D += 4\nE ::= 5\n"
    settings, commands = read(text)
    assert settings == {"A": "1", "B": "$(shell x -y)", "C": "2", "D": "4", "E": "5"}
    assert commands == [["x", "-y"]]


def test_recipes() -> None:
    text = "t: u\n\t@-a b; \\\n\tc\n\t# d\n\tif e; then f; fi\nv: ; @g\n"
    assert read(text)[1] == [["a", "b"], ["c"], ["e"], ["f"]]
