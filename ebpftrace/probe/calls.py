"""Counting mmap, munmap, brk and mremap separately (`--mapping-calls`), at the lowest cost.

fentry and kprobes slow only the processes that make one of these four calls. The system
call tracepoints slow every system call of every process, so they are the last choice, which
a remark reports.
"""

import os
import struct
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from ebpftrace.architecture import HERE
from ebpftrace.errors import NoTracefsError, ProbeError
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.programs import Programs

CALLS = ("mmap", "munmap", "brk", "mremap")
_TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe")
_NOTHING = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)  # r0 = 0; exit


class CallTraceMethod(IntEnum):
    """How the calls are traced; the values are MAPPING_CALLS in bpf/mappings.c."""

    FENTRY = 1
    KPROBE = 2
    TRACEPOINT = 3

    @property
    def in_words(self) -> str:
        return ("fentry", "kprobe", "syscall tracepoints")[self - 1]

    @property
    def cost(self) -> str:
        """Which processes it slows."""
        if self is CallTraceMethod.TRACEPOINT:
            return "every system call of every process is slower during the watch"
        return "it slows only processes that call mmap, munmap, brk or mremap"


def choose(btf: KernelTypes, wanted: CallTraceMethod | None = None) -> CallTraceMethod:
    """The first method that works here, or `wanted` if it does.

    NoTracefsError if none does because tracefs is missing, ProbeError for other reasons.
    """
    tests: dict[CallTraceMethod, Callable[[], bool]] = {
        CallTraceMethod.FENTRY: lambda: _fentry_works(btf),
        CallTraceMethod.KPROBE: lambda: HERE.calls is not None and _KPROBE_PMU.exists(),
        CallTraceMethod.TRACEPOINT: lambda: any(
            (root / "events/syscalls/sys_enter_mmap").exists() for root in _TRACEFS
        ),
    }
    for method in CallTraceMethod if wanted is None else (wanted,):
        if tests[method]():
            return method
    if wanted is None and not any((root / "events").exists() for root in _TRACEFS):
        raise NoTracefsError(
            "mapping calls cannot be counted separately without tracefs",
            why="neither fentry nor kprobes work on this kernel, and tracefs, which has the "
            "tracepoints, is not mounted and could not be mounted",
            fix="mount it (mount -t tracefs tracefs /sys/kernel/tracing), or omit "
            "--mapping-calls",
        )
    raise ProbeError(
        "mapping calls cannot be counted separately on this kernel",
        why="neither fentry nor kprobes nor syscall tracepoints work"
        if wanted is None
        else f"{wanted.in_words} does not work",
        fix="omit --mapping-calls: every byte is counted all the same",
    )


def attach(programs: Programs, btf: KernelTypes, method: CallTraceMethod) -> None:
    """Attach `enter_*` and `exit_*` of bpf/mappings.c. ProbeError if one does not attach."""
    for call in CALLS:
        if method is CallTraceMethod.FENTRY:
            function = btf.function_id(_function(call))
            programs.attach_tracing(f"enter_{call}", bpf.ATTACH_FENTRY, function)
            programs.attach_tracing(f"exit_{call}", bpf.ATTACH_FEXIT, function)
        elif method is CallTraceMethod.KPROBE:
            programs.attach_kprobe(f"enter_{call}", _function(call))
            programs.attach_kprobe(f"exit_{call}", _function(call), at_return=True)
        else:
            programs.attach_tracepoint(f"enter_{call}", f"syscalls:sys_enter_{call}")
            programs.attach_tracepoint(f"exit_{call}", f"syscalls:sys_exit_{call}")


def _function(call: str) -> str:
    assert HERE.calls is not None  # else `choose` had chosen tracepoints
    return HERE.calls.prefix + call


def _fentry_works(btf: KernelTypes) -> bool:
    """Whether a program attaches: some kernels refuse it even to root."""
    if HERE.calls is None:
        return False
    try:
        program = bpf.load(
            bpf.PROG_TRACING,
            _NOTHING,
            attach=bpf.ATTACH_FENTRY,
            btf_id=btf.function_id(_function("brk")),
        )
    except (OSError, KeyError):
        return False
    try:
        os.close(bpf.attach_tracing(program))
    except OSError:
        return False
    finally:
        os.close(program)
    return True
