"""Shell scripts, and files of no other kind."""

from collections.abc import Iterator

from ebpftrace.doctor.files import shell
from ebpftrace.doctor.files.formats.lines import Line, joined, source_of
from ebpftrace.doctor.files.statements import Statement


def statements(lines: list[Line]) -> Iterator[Statement]:
    """What its lines say."""
    for group in joined(lines):
        yield from shell.statements(source_of(group))
