"""Where each CPU's memory begins, with a scripted bpf(2). (On a real kernel: tests/kernel.)"""

import os
import struct
from pathlib import Path

import pytest

from ebpftrace.probe.loading import bpf, percpu

POINTER = 0xFFFF_0000_0000_1000
OFFSETS = {0: 0x4000, 2: -0x1000 & (1 << 64) - 1}


@pytest.mark.parametrize(
    ("written", "cpus"),
    [("0\n", 1), ("0-3\n", 4), ("0-127", 128), ("0,2\n", 3), ("0-1,4-7\n", 8)],
)
def test_number_of_possible_cpus(
    monkeypatch: pytest.MonkeyPatch, written: str, cpus: int
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _path, **_options: written)
    assert percpu.possible_cpus() == cpus


class ScriptedBpf:
    """CPU 1 is offline; on the others the element is at its pointer and the CPU's offset."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[int] = []
        self.answer = bytes(16)
        self.refuses = False
        for name in ("create_map", "load", "run", "lookup"):
            monkeypatch.setattr(bpf, name, getattr(self, f"_{name}"))

    def open_fds(self) -> list[int]:
        return [fd for fd in self.opened if Path(f"/proc/self/fd/{fd}").exists()]

    def _create_map(self, *_shape: int) -> int:
        self.opened.append(os.memfd_create("map"))
        return self.opened[-1]

    def _load(self, _kind: int, code: bytes) -> int:
        assert len(code) % 8 == 0
        self.opened.append(os.memfd_create("program"))
        return self.opened[-1]

    def _run(self, _program: int, _args: bytes, cpu: int) -> int:
        if self.refuses:
            raise ZeroDivisionError
        if cpu not in OFFSETS:
            raise OSError(6, "No such device or address")
        address = POINTER + OFFSETS[cpu] & (1 << 64) - 1
        self.answer = struct.pack("=QQ", address, POINTER)
        return 0

    def _lookup(self, _map: int, _key: bytes, size: int) -> bytes:
        return self.answer[:size]


def test_offset_is_the_difference_and_0_where_a_cpu_is_offline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = ScriptedBpf(monkeypatch)
    assert percpu.cpu_offsets(0, 3) == [0x4000, 0, 0xFFFF_FFFF_FFFF_F000]
    assert (len(scripted.opened), scripted.open_fds()) == (3, [])


def test_nothing_stays_open_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = ScriptedBpf(monkeypatch)
    scripted.refuses = True
    with pytest.raises(ZeroDivisionError):
        percpu.cpu_offsets(0, 1)
    assert scripted.open_fds() == []
