"""Process names (`--comm`) as one automaton that the kernel runs at exec.

Each glob is a chain of positions in a 64-bit word; a word holds several globs. A letter
advances a position whose item accepts it, a star also keeps its position:

    next = (at & accepts[letter]) << 1 | at & loops

Sixteen such steps decide a name against all globs at once. Same rules as
`fnmatch.fnmatchcase`, on bytes. The table's layout is `struct glob_table` in bpf/select.h.
"""

import struct
from dataclasses import dataclass, field

from ebpftrace.errors import UsageError
from ebpftrace.process_names import COMM_BYTES, bracket

MAX_WORDS = 8
_ANY = frozenset(range(1, 256))


@dataclass(slots=True)
class _Word:
    accepts: list[int] = field(default_factory=lambda: [0] * 256)
    loops: int = 0
    starts: int = 0
    finals: int = 0
    used: int = 0


def compile_globs(globs: tuple[str, ...]) -> tuple[bytes, int]:
    """The table for these globs, and its number of words. UsageError for a glob too long."""
    words = [_Word()]
    for glob in globs:
        items, stars = _parse(glob)
        if len(items) + 1 > 64 - words[-1].used:
            words.append(_Word())
        if len(items) + 1 > 64 or len(words) > MAX_WORDS:
            raise UsageError(
                f"too many or too long patterns for --comm, at {glob!r}",
                why="all of them together must fit into the kernel's matcher",
                fix="give fewer, or one with a wildcard: --comm 'go*'",
            )
        _add(words[-1], items, stars)
    table = b"".join(
        (
            *(
                struct.pack(f"={len(words)}Q", *(w.accepts[i] for w in words))
                for i in range(256)
            ),
            struct.pack(f"={len(words)}Q", *(w.loops for w in words)),
            struct.pack(f"={len(words)}Q", *(w.starts for w in words)),
            struct.pack(f"={len(words)}Q", *(w.finals for w in words)),
        )
    )
    return table, len(words)


def matches(table: bytes, words: int, comm: bytes) -> bool:
    """The kernel's matching in Python, for tests."""
    row = struct.Struct(f"={words}Q")
    loops, starts, finals = (row.unpack_from(table, (256 + i) * row.size) for i in range(3))
    at = list(starts)
    for letter in comm[:COMM_BYTES]:
        accepts = row.unpack_from(table, letter * row.size)
        at = [
            ((s & a) << 1) | (s & loop) for s, a, loop in zip(at, accepts, loops, strict=True)
        ]
    return any(s & final for s, final in zip(at, finals, strict=True))


def _add(word: _Word, items: list[frozenset[int]], stars: set[int]) -> None:
    word.starts |= 1 << word.used
    for index in stars:
        word.loops |= 1 << (word.used + index)
    for index, accepted in enumerate(items):
        for letter in accepted:
            word.accepts[letter] |= 1 << (word.used + index)
    word.finals |= 1 << (word.used + len(items))
    word.used += len(items) + 1


def _parse(glob: str) -> tuple[list[frozenset[int]], set[int]]:
    """The letters each position accepts, and the positions that a star precedes."""
    text = glob.encode()
    if not text:
        raise UsageError("--comm is empty", fix="name a process: --comm gopls")
    if not set(text) & set(b"*?["):
        text = text[:COMM_BYTES]  # a plain name: the kernel keeps no more of it
    items: list[frozenset[int]] = []
    stars: set[int] = set()
    at = 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == ord("*"):
            stars.add(len(items))
        elif letter == ord("?"):
            items.append(_ANY)
        elif letter == ord("["):
            accepted, at = bracket(text, at, _ANY)
            items.append(accepted)
        else:
            items.append(frozenset((letter,)))
    return items, stars
