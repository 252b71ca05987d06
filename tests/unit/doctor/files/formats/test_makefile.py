"""Makefiles."""

from ebpftrace.doctor.files.formats.makefile import statements
from tests.support.statements import found_in


def read(text: str) -> tuple[dict[str, str], list[list[str]]]:
    settings, commands = found_in(statements, text)
    return {name: value for name, value, _ in settings}, commands


def test_variables() -> None:
    text = "A = 1\nexport B := $(shell x -y)\nC ?= 2 # 3\nt: export D += 4\nE ::= 5\n"
    settings, commands = read(text)
    assert settings == {"A": "1", "B": "$(shell x -y)", "C": "2", "D": "4", "E": "5"}
    assert commands == [["x", "-y"]]


def test_recipes() -> None:
    text = "t: u\n\t@-a b; \\\n\tc\n\t# d\n\tif e; then f; fi\nv: ; @g\n"
    assert read(text)[1] == [["a", "b"], ["c"], ["e"], ["f"]]
