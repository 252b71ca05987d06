"""Refusals, output and descriptors of programs, with a scripted bpf(2).

(What the kernel itself says: tests/kernel/test_programs.py.)
"""

import ctypes
import os
from pathlib import Path

import pytest

from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.objects import MapShape, Objects
from ebpftrace.probe.loading.programs import Programs

SHAPE = MapShape(1, 4, 8, 1, 0)
EXIT = b"\x95" + bytes(7)


class ScriptedKernel:
    """Maps and programs are memfds; `refuses` are the calls that fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[int] = []
        self.refuses: set[str] = set()
        self.loads = 0
        for name in ("create_map", "load", "attach_raw_tracepoint", "missed_runs"):
            monkeypatch.setattr(bpf, name, getattr(self, f"_{name}"))

    def open_fds(self) -> list[int]:
        return [fd for fd in self.opened if Path(f"/proc/self/fd/{fd}").exists()]

    def _open(self, call: str) -> int:
        if call in self.refuses:
            raise OSError(22, "Invalid argument")
        self.opened.append(os.memfd_create(call))
        return self.opened[-1]

    def _create_map(self, *_shape: int) -> int:
        return self._open(f"map {len(self.opened)}")

    def _load(self, _kind: int, _code: bytes, *, log: object = None, **_: int) -> int:
        self.loads += 1
        if isinstance(log, ctypes.Array):
            log.value = b"0: R0 !read_ok"
        return self._open("load")

    def _attach_raw_tracepoint(self, _program: int, name: str) -> int:
        return self._open(name)

    def _missed_runs(self, program: int) -> int:
        return self.opened.index(program)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> ScriptedKernel:
    return ScriptedKernel(monkeypatch)


def made(*names: str) -> Programs:
    return Programs(Objects({"one": SHAPE, "two": SHAPE}, dict.fromkeys(names, EXIT)))


def test_close_closes_maps_programs_and_links_once(kernel: ScriptedKernel) -> None:
    loaded = made("on_exec")
    loaded.attach_raw("on_exec", "sched_process_exec")
    assert len(kernel.open_fds()) == len(kernel.opened) == 4
    loaded.close()
    assert kernel.open_fds() == []
    loaded.close()


def test_maps_that_were_made_are_closed_if_one_is_refused(kernel: ScriptedKernel) -> None:
    kernel.refuses = {"map 1"}
    with pytest.raises(ProbeError, match="the kernel refuses the map two") as caught:
        made()
    assert "Invalid argument" in caught.value.why
    assert len(kernel.opened) == 1
    assert kernel.open_fds() == []


def test_refused_program_is_loaded_again_for_the_verifiers_log(kernel: ScriptedKernel) -> None:
    loaded = made("on_exec")
    kernel.refuses = {"load"}
    with pytest.raises(ProbeError, match="the kernel refuses the program on_exec") as caught:
        loaded.load("on_exec")
    assert caught.value.why.splitlines()[0] == "0: R0 !read_ok"
    assert kernel.loads == 2
    loaded.close()


def test_tracepoint_that_is_missing_is_named(kernel: ScriptedKernel) -> None:
    loaded = made("on_exec")
    kernel.refuses = {"no_such"}
    with pytest.raises(ProbeError, match="on_exec does not attach to no_such"):
        loaded.attach_raw("on_exec", "no_such")
    loaded.close()
    assert kernel.open_fds() == []


def test_missed_runs_are_those_of_the_named_programs(kernel: ScriptedKernel) -> None:
    loaded = made("a", "b", "c")
    for name in ("a", "b", "c"):
        loaded.load(name)
    assert loaded.missed_runs(["a", "c"]) == 2 + 4  # their places among what was opened
    loaded.close()
