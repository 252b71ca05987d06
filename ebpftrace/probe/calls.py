"""Telling mmap, munmap, brk and mremap apart (`--mapping-calls`), by the cheapest means.

fentry and kprobes touch only who makes one of these four calls. The system call
tracepoints slow every system call of every process, so they come last, and it is said.
"""

import os
import platform
import struct
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from ebpftrace.errors import NoTracefsError, ProbeError
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.btf import Btf
from ebpftrace.probe.loading.programs import Programs

CALLS = ("mmap", "munmap", "brk", "mremap")
_PREFIX = {"x86_64": "__x64_sys_", "aarch64": "__arm64_sys_"}
_TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe")
_NOTHING = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)  # r0 = 0; exit


class CallTraceMethod(IntEnum):
    """How the calls are told apart; the values are MAPPING_CALLS in bpf/mappings.c."""

    FENTRY = 1
    KPROBE = 2
    TRACEPOINT = 3

    @property
    def in_words(self) -> str:
        return ("fentry", "kprobe", "syscall tracepoints")[self - 1]

    @property
    def cost(self) -> str:
        """Who pays for it."""
        if self is CallTraceMethod.TRACEPOINT:
            return "every system call of every process is slower while it watches"
        return "only the processes that call mmap, munmap, brk or mremap pay"


def choose(btf: Btf, wanted: CallTraceMethod | None = None) -> CallTraceMethod:
    """The first means that works here, or `wanted` if it does.

    NoTracefsError if none does for want of tracefs, ProbeError for any other reason.
    """
    tests: dict[CallTraceMethod, Callable[[], bool]] = {
        CallTraceMethod.FENTRY: lambda: _fentry_works(btf),
        CallTraceMethod.KPROBE: _KPROBE_PMU.exists,
        CallTraceMethod.TRACEPOINT: lambda: any(
            (root / "events/syscalls/sys_enter_mmap").exists() for root in _TRACEFS
        ),
    }
    for means in CallTraceMethod if wanted is None else (wanted,):
        if tests[means]():
            return means
    if wanted is None and not any((root / "events").exists() for root in _TRACEFS):
        raise NoTracefsError(
            "the kinds of mapping calls cannot be told apart without tracefs",
            why="neither fentry nor kprobes can be used on this kernel, and tracefs, where "
            "the tracepoints are, is not mounted and could not be",
            fix="mount it (mount -t tracefs tracefs /sys/kernel/tracing), or leave "
            "--mapping-calls away",
        )
    raise ProbeError(
        "the kinds of mapping calls cannot be told apart on this kernel",
        why="neither fentry nor kprobes nor syscall tracepoints can be used"
        if wanted is None
        else f"{wanted.in_words} cannot be used",
        fix="leave --mapping-calls away: every byte is booked all the same",
    )


def attach(programs: Programs, btf: Btf, means: CallTraceMethod) -> None:
    """Attach `enter_*` and `exit_*` of bpf/mappings.c. ProbeError if one does not attach."""
    for call in CALLS:
        if means is CallTraceMethod.FENTRY:
            function = btf.function_id(_function(call))
            programs.attach_tracing(f"enter_{call}", bpf.ATTACH_FENTRY, function)
            programs.attach_tracing(f"exit_{call}", bpf.ATTACH_FEXIT, function)
        elif means is CallTraceMethod.KPROBE:
            programs.attach_kprobe(f"enter_{call}", _function(call))
            programs.attach_kprobe(f"exit_{call}", _function(call), at_return=True)
        else:
            programs.attach_tracepoint(f"enter_{call}", f"syscalls:sys_enter_{call}")
            programs.attach_tracepoint(f"exit_{call}", f"syscalls:sys_exit_{call}")


def _function(call: str) -> str:
    return _PREFIX.get(platform.machine(), "sys_") + call


def _fentry_works(btf: Btf) -> bool:
    """Only a program that attached proves it: some kernels refuse even root."""
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
