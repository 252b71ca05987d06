"""A folder of as many names as a test needs, as `os.scandir` returns it."""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace


class ScriptedEntries:
    """Entries that have nothing but a name; `read` counts those that were taken."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = iter(names)
        self.read = 0

    def __enter__(self) -> "ScriptedEntries":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[SimpleNamespace]:
        for name in self._names:
            self.read += 1
            yield SimpleNamespace(name=name)

    def close(self) -> None:
        """No more entries."""
        self._names = iter(())
