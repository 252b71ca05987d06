"""Maps and programs of the kernel side in memory, in place of bpf(2)."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ebpftrace.probe.loading import bpf


class FakeMaps:
    """Stands in for `Programs`: maps by name, and the calls of programs run on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.maps: dict[str, dict[bytes, bytes]] = {}
        self.runs: list[tuple[str, tuple[int, ...]]] = []
        self.iterated: dict[str, Callable[[], object]] = {}  # what an iterator does, or writes
        self.written: dict[str, bytes] = {}  # by the next run of an iterator over a map
        self._names: list[str] = []
        for name in ("lookup", "update", "delete"):
            monkeypatch.setattr(bpf, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(bpf, "Batch", lambda fd, *_: _FakeBatch(self._map(fd)))
        monkeypatch.setattr(bpf, "Runner", self._runner)
        monkeypatch.setattr(bpf, "map_shape", lambda _fd: (1, 8, 8, 100, 0))

    def map_fd(self, name: str) -> int:
        return self._number(name)

    def load(self, name: str, *_: Any) -> int:
        return self._number(name)

    def missed_runs(self, _names: object) -> int:
        return 0

    def iterate(
        self,
        name: str,
        _btf_id: int,
        between: Callable[[bytes], object] = lambda _written: None,
    ) -> None:
        self.runs.append((name, ()))
        if isinstance(written := self.iterated.get(name, lambda: None)(), bytes):
            between(written)

    def elements(self, name: str, _map_name: str, _btf_id: int) -> Callable[[], bytes]:
        return lambda: self.written.pop(name, b"")

    def put(self, name: str, key: int, value: bytes, key_format: str = "=Q") -> None:
        """Set an entry of a map, as the kernel side does."""
        self.maps.setdefault(name, {})[struct.pack(key_format, key)] = value
        if name == "processes":
            (pid,) = struct.unpack_from("=I", value, 32)
            self.put("process_mm", pid, struct.pack("=Q", key), "=I")

    def _number(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)

    def _map(self, fd: int) -> dict[bytes, bytes]:
        return self.maps.setdefault(self._names[fd], {})

    def _lookup(self, fd: int, key: bytes, _size: int) -> bytes | None:
        return self._map(fd).get(key)

    def _update(self, fd: int, key: bytes, value: bytes) -> None:
        self._map(fd)[key] = value

    def _delete(self, fd: int, key: bytes) -> None:
        self._map(fd).pop(key, None)

    def _runner(self, program: int, _arguments: int = 1) -> Any:
        return lambda *arguments: self._run(self._names[program], arguments)

    def _run(self, program: str, arguments: tuple[int, ...]) -> None:
        self.runs.append((program, arguments))
        if program == "forget_process":
            mm, pid = arguments
            self.maps.setdefault("processes", {}).pop(struct.pack("=Q", mm), None)
            self.maps.setdefault("process_mm", {}).pop(struct.pack("=I", pid), None)


class _FakeBatch:
    def __init__(self, entries: dict[bytes, bytes]) -> None:
        self._entries = entries

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self._entries.items()))

    def values(self) -> Iterator[bytes]:
        return iter(list(self._entries.values()))
