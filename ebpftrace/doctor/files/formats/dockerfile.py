"""Dockerfiles. Source: the Dockerfile reference, docs.docker.com/reference/dockerfile."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.files import shell
from ebpftrace.doctor.files.formats.lines import Line, joined, source_of
from ebpftrace.doctor.files.formats.lists import words_of_list
from ebpftrace.doctor.files.source import Source, whole
from ebpftrace.doctor.files.statements import Assignment, SimpleCommand, Statement, word_from

_INSTRUCTION = re.compile(r"[ \t]*([A-Za-z]{2,20})[ \t]+")
_RUN = frozenset({"RUN", "CMD", "ENTRYPOINT"})
_OPTIONS = re.compile(r"(?:--[a-z]+=\S*[ \t]+)*(?:CMD[ \t]+)?")
_OLD_ENV = re.compile(r"([A-Za-z_]\w*)[ \t]+(?=[^=\s])")
_NOTHING_RUNS = frozenset(
    {"FROM", "COPY", "ADD", "LABEL", "EXPOSE", "USER", "WORKDIR", "VOLUME", "STOPSIGNAL",
     "MAINTAINER", "SHELL"}
)  # fmt: skip


def statements(lines: list[Line]) -> Iterator[Statement]:
    """What its instructions run and set; lines of a here-document are shell."""
    for group in joined(lines, comments_between=True):
        source = source_of(group)
        found = _INSTRUCTION.match(source.text)
        instruction = found[1].upper() if found else ""
        rest = source.part(found.end(), len(source.text)) if found else source
        if instruction in _NOTHING_RUNS:
            continue
        if instruction in {"ENV", "ARG"}:
            yield from _variables(rest)
        elif instruction in {*_RUN, "HEALTHCHECK", "ONBUILD"}:
            yield from _command(rest)
        else:
            yield from shell.statements(source)


def _variables(source: Source) -> Iterator[Statement]:
    old = _OLD_ENV.match(source.text)
    if old and "=" not in old[1]:
        end = max(old.end(), len(source.text.rstrip()))
        yield Assignment(whole(source.part(*old.span(1))), word_from(source, old.end(), end))
        return
    yield from (one for one in shell.statements(source) if isinstance(one, Assignment))


def _command(source: Source) -> Iterator[Statement]:
    options = _OPTIONS.match(source.text)
    rest = source.part(options.end() if options else 0, len(source.text))
    words = words_of_list(rest)
    if words:
        yield from shell.of_command(SimpleCommand(words))
    else:
        yield from shell.statements(rest)
