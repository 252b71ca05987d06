"""Whether programs read by themselves, with a scripted bpf(2). (For real: tests/kernel.)"""

import os
import struct
from pathlib import Path

import pytest

from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.reads import direct_reads

CAST, TYPE = 65486, 77


class Types:
    """The BTF of a kernel that has the cast, or has not."""

    def __init__(self, function: int | None = CAST) -> None:
        self._function = function

    def function_id(self, name: str) -> int:
        if self._function is None:
            raise KeyError(name)
        return self._function

    def struct_id(self, _name: str) -> int:
        return TYPE


class Loader:
    """bpf(2), which takes programs or refuses them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.takes = True
        self.loaded: list[bytes] = []
        self.fds: list[int] = []
        monkeypatch.setattr(bpf, "load", self._load)

    def _load(self, _kind: int, code: bytes) -> int:
        self.loaded.append(code)
        if not self.takes:
            raise PermissionError(13, "calling kernel function is not allowed")
        self.fds.append(os.memfd_create("program"))
        return self.fds[-1]


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    return Loader(monkeypatch)


def reads(types: Types, *, trial: bool = True) -> dict[str, int]:
    btf: KernelTypes = types  # type: ignore[assignment]
    return direct_reads(btf, trial=trial)


def test_kernel_that_takes_the_trial_is_read_directly(loader: Loader) -> None:
    assert reads(Types()) == {"RDONLY_CAST": CAST, "READ_TYPE": TYPE}
    assert struct.pack("=BBhi", 0x85, 2 << 4, 0, CAST) in loader.loaded[0]
    assert not any(Path(f"/proc/self/fd/{fd}").exists() for fd in loader.fds)


def test_kernel_that_refuses_the_trial_is_read_by_the_helper(loader: Loader) -> None:
    loader.takes = False
    assert reads(Types()) == {}
    assert len(loader.loaded) == 1


@pytest.mark.parametrize("function", [None, 200], ids=["no cast", "a number of a helper"])
def test_kernel_without_the_cast_is_not_tried(loader: Loader, function: int | None) -> None:
    assert reads(Types(function)) == {}
    assert not loader.loaded


def test_types_decide_for_another_machine(loader: Loader) -> None:
    assert reads(Types(), trial=False) == {"RDONLY_CAST": CAST, "READ_TYPE": TYPE}
    assert reads(Types(None), trial=False) == {}
    assert not loader.loaded
