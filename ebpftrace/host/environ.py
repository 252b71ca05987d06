"""The environment of a process, set by the program that started it. Source: environ(7)."""

from collections.abc import Iterable, Iterator
from itertools import islice

from ebpftrace.text import PATH_LIMIT, clean
from ebpftrace.units import KIB

MOST_VARIABLES = 2048
"""So many are kept whatever their names are."""

_MOST_LOOKED_AT = 16384  # a process may have a million that have two bytes each
_KEPT_BYTES = 256 * KIB
_MOST_KEPT_BYTES = 512 * KIB
_OVERHEAD = 170  # bytes that Python takes for each
_VALUE_LIMIT = 1 * KIB  # but for paths
_ENTRY_LIMIT = PATH_LIMIT + 256
_PIECE = 16 * KIB  # is split at once


class Environ:
    """A process's environment as it was at its exec, or as it has overwritten it since.

    Values are kept raw and cleaned when they are read. What is kept takes less than 1 MiB,
    whatever a process has in there: of a value that is longer than 1 KiB and no path, only
    that it is set; and after the first 2,048 variables those with an underscore in the name,
    which nearly every CI system's have.
    """

    def __init__(self, raw: bytes | Iterable[bytes]) -> None:
        """Whole or in pieces, which are read one by one."""
        self._values = dict(_variables((raw,) if isinstance(raw, bytes) else raw))

    def get(self, name: str, limit: int = 256) -> str:
        """The variable, cleaned; "" if it is not set, empty, or longer than `limit` bytes.

        `limit` is 1 KiB at most, of a path PATH_LIMIT.
        """
        value = self._values.get(name.encode(), b"")
        return clean(value, limit) if len(value) <= limit else ""

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._values

    def __len__(self) -> int:
        return len(self._values)


def _variables(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    kept = count = 0
    for entry in islice(_entries(chunks), _MOST_LOOKED_AT):
        name, separator, value = entry.partition(b"=")
        if not separator:
            continue
        if len(value) > _VALUE_LIMIT and (value[:1] != b"/" or len(entry) > _ENTRY_LIMIT):
            value = b""
        size = len(name) + len(value)
        if count < MOST_VARIABLES and kept + size <= _KEPT_BYTES:
            count += 1
        else:
            size += _OVERHEAD
            if b"_" not in name or kept + size > _MOST_KEPT_BYTES:
                continue
        kept += size
        yield name, value


def _entries(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What lies between NULs, the first _ENTRY_LIMIT bytes of what is in several pieces."""
    begun = b""
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            *entries, last = chunk[start : start + _PIECE].split(b"\0")
            if entries:
                entries[0] = begun + entries[0]
                begun = b""
                yield from entries
            begun = (begun + last)[: _ENTRY_LIMIT + 1]
    if begun:
        yield begun
