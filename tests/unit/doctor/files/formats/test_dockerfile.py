"""Dockerfiles."""

from ebpftrace.doctor.files.formats.dockerfile import statements
from tests.support.statements import found_in


def read(text: str) -> tuple[dict[str, str], list[list[str]]]:
    settings, commands = found_in(statements, text)
    return {name: value for name, value, _ in settings}, commands


def test_variables_of_both_kinds() -> None:
    text = 'ENV A=1 B="2 3"\nENV C 4 5\nARG D=6\nLABEL E=7\n'
    assert read(text)[0] == {"A": "1", "B": "2 3", "C": "4 5", "D": "6"}


def test_what_is_run() -> None:
    text = (
        "RUN --mount=type=cache,target=/x a && \\\n  # b\n  c\n"
        'CMD ["d", "-e"]\nHEALTHCHECK --interval=5s CMD f\nCOPY g /g\n'
        "RUN <<EOF\nh\nEOF\n"
    )
    assert [one for one in read(text)[1] if one != ["EOF"]] == [
        ["a"], ["c"], ["d", "-e"], ["f"], ["h"],
    ]  # fmt: skip
