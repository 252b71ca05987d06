"""Dockerfiles."""

from ebpftrace.doctor.files.formats.dockerfile import statements
from ebpftrace.doctor.files.formats.lines import Line
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand


def read(text: str) -> tuple[dict[str, str], list[list[str]]]:
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(), 1)]
    found = list(statements(lines))
    settings = {one.name.text: one.value.text for one in found if isinstance(one, Assignment)}
    commands = [
        [word.text for word in one.words] for one in found if isinstance(one, SimpleCommand)
    ]
    return settings, commands


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
