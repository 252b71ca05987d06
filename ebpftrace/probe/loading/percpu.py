"""Where each CPU's per-CPU memory begins.

The kernel's counters of an mm are one base and one delta a CPU (since 6.2), and the deltas
are found by adding a CPU's offset to a per-CPU pointer. `__per_cpu_offset` is not exported
and often missing from kallsyms, so a BPF program finds the offsets: a per-CPU array map
contains its per-CPU pointer (bpf_array.pptrs), and on each CPU a look-up returns the address
that this pointer stands for. Their difference is the offset.
"""

import os
import struct
from pathlib import Path

from ebpftrace.probe.loading import bpf

_R0, _R1, _R2, _R3, _R4, _R6, _R7, _FP = 0, 1, 2, 3, 4, 6, 7, 10
_MAP_LOOKUP, _PROBE_READ_KERNEL = 1, 113


def possible_cpus() -> int:
    """How many CPUs this kernel can have: one more than the highest possible number."""
    text = Path("/sys/devices/system/cpu/possible").read_text(encoding="utf-8")
    return int(text.strip().replace("-", ",").split(",")[-1]) + 1


def cpu_offsets(pptrs_offset: int, cpus: int) -> list[int]:
    """For each CPU the offset of its per-CPU memory, 0 for one that is offline.

    `pptrs_offset` is bpf_array.pptrs from BTF. OSError where the kernel refuses.
    """
    per_cpu = bpf.create_map(bpf.MAP_PERCPU_ARRAY, 4, 8, 1)
    answer = bpf.create_map(bpf.MAP_ARRAY, 4, 16, 1)
    program = bpf.load(bpf.PROG_RAW_TRACEPOINT, _program(per_cpu, answer, pptrs_offset))
    try:
        return [_offset(program, answer, cpu) for cpu in range(cpus)]
    finally:
        for fd in (program, answer, per_cpu):
            os.close(fd)


def _offset(program: int, answer: int, cpu: int) -> int:
    try:
        bpf.run(program, bytes(8), cpu)
    except OSError:
        return 0  # the CPU is offline, and has no deltas either
    value = bpf.lookup(answer, bytes(4), 16)
    assert value is not None  # an array map has all its keys
    address, pointer = struct.unpack("=QQ", value)
    return int(address - pointer) & (1 << 64) - 1


def _program(per_cpu: int, answer: int, pptrs_offset: int) -> bytes:
    """answer = {address on this CPU, per-CPU pointer} of the first element of `per_cpu`."""
    return b"".join(
        (
            _op(0x62, _FP, 0, -4, 0),  # key = 0
            *_call_lookup(per_cpu),
            _op(0xBF, _R6, _R0),  # r6: where the element is on this CPU
            *_call_lookup(answer),
            _op(0xBF, _R7, _R0),
            _map(_R1, per_cpu),
            _op(0x7B, _R7, _R1),  # write the map's address and read it back as a number:
            _op(0x79, _R3, _R7),  # the verifier forbids arithmetic on a map pointer
            _op(0x07, _R3, 0, 0, pptrs_offset),
            _op(0xBF, _R1, _FP),
            _op(0x07, _R1, 0, 0, -16),
            _op(0xB7, _R2, 0, 0, 8),
            _op(0x85, 0, 0, 0, _PROBE_READ_KERNEL),
            _op(0x79, _R1, _FP, -16),
            _op(0x7B, _R7, _R6),
            _op(0x7B, _R7, _R1, 8),
            _op(0xB7, _R0, 0, 0, 0),
            _op(0x95),
        )
    )


def _op(code: int, dst: int = 0, src: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, dst | src << 4, offset, value)


def _map(dst: int, fd: int) -> bytes:
    return _op(0x18, dst, 1, 0, fd) + _op(0)


def _call_lookup(fd: int) -> tuple[bytes, ...]:
    """r0 = the first element of a map; ends the program where there is none."""
    return (
        _map(_R1, fd),
        _op(0xBF, _R2, _FP),
        _op(0x07, _R2, 0, 0, -4),
        _op(0x85, 0, 0, 0, _MAP_LOOKUP),
        _op(0x55, _R0, 0, 2, 0),  # if r0 != 0 skip two
        _op(0xB7, _R0, 0, 0, 0),
        _op(0x95),
    )
