"""`["gopls", "-v"]`: a command as a list, in JSON, in YAML and in Dockerfiles."""

import re

from ebpftrace.doctor.files.source import Source, Word
from ebpftrace.doctor.files.statements import word_from

_ITEM = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^,\[\]{}'"\s][^,\[\]{}'"]*)\s*(,|\]|$)""")


def words_of_list(source: Source) -> tuple[Word, ...]:
    """Its items as words; none if it is no list, or has other things than words in it."""
    text = source.text
    start = len(text) - len(text.lstrip())
    if not text.startswith("[", start):
        return ()
    words = []
    at = start + 1
    while item := _ITEM.match(text, at):
        end = item.start(1) + len(item[1].rstrip())
        words.append(word_from(source, item.start(1), end))
        at = item.end()
        if item[2] != ",":
            break
    return tuple(words) if at and text[at - 1 : at] == "]" else ()
