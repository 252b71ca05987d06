"""A process that keeps the memory of one that was ended, without the kernel's programs."""

from collections.abc import Collection

from ebpftrace.events import ProcessKey
from ebpftrace.host.pidfd import is_alive
from ebpftrace.probe import Heir


class Keeps:
    """A `HeirControl`: one process keeps the memory while it lives."""

    def __init__(self, key: ProcessKey) -> None:
        self._key = key

    def expect(self, keys: Collection[ProcessKey], number: int = 0) -> int:
        return 7

    def heirs(self, number: int) -> list[Heir]:
        return [Heir(self._key, 100)] if is_alive(self._key) else []

    def forks(self, number: int) -> int:
        return 0

    def end(self, number: int) -> None:
        pass
