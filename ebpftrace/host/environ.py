"""The environment of a process, set by the program that started it. Source: environ(7)."""

from ebpftrace.text import clean

MOST_VARIABLES = 16384


class Environ:
    """A process's environment as it was at its exec, or as it has overwritten it since.

    Values are kept raw and cleaned when they are read. Of very many variables the first
    MOST_VARIABLES count: a process may have a million that have two bytes each.
    """

    def __init__(self, raw: bytes) -> None:
        entries = raw.split(b"\0", MOST_VARIABLES)[:MOST_VARIABLES]
        self._values = dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)

    def get(self, name: str, limit: int = 256) -> str:
        """The variable, cleaned; "" if it is not set, empty, or longer than `limit` bytes."""
        value = self._values.get(name.encode(), b"")
        return clean(value, limit) if len(value) <= limit else ""

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._values

    def __len__(self) -> int:
        return len(self._values)
