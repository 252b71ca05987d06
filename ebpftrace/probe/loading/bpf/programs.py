"""BPF programs: loaded, run, attached and measured."""

import ctypes
import os
import struct
from collections.abc import Callable

from ebpftrace.probe.loading.bpf.syscall import (
    ITER_CREATE,
    LINK_CREATE,
    OBJ_INFO,
    PROG_LOAD,
    PROG_TEST_RUN,
    RAW_TRACEPOINT_OPEN,
    bpf,
    buffer,
    pack,
)

PROG_KPROBE, PROG_TRACEPOINT, PROG_RAW_TRACEPOINT, PROG_TRACING = 2, 5, 17, 26
ATTACH_FENTRY, ATTACH_FEXIT, ATTACH_TRACE_ITER = 24, 25, 28

_RUN_ON_CPU = 1
_ITER_BYTES = 1 << 16  # the kernel writes half as much at a time
_INFO_BYTES = 232  # struct bpf_prog_info
_AT_RUN_TIME_NS, _AT_RECURSION_MISSES = 192, 208


def load(
    kind: int,
    code: bytes,
    *,
    attach: int = 0,
    btf_id: int = 0,
    log: "ctypes.Array[ctypes.c_char] | None" = None,
) -> int:
    """Load a program of raw instructions; its file descriptor.

    The verifier writes to `log`, if that is given.
    """
    instructions, license_ = buffer(code), buffer(b"GPL\0")
    log_words = (0, 0, 0) if log is None else (1, len(log), ctypes.addressof(log))
    attributes = pack(
        "IIQQIIQIIQQIIIIQIIQII",
        kind, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(license_),
        *log_words, 0, 0, 0, 0,  # kernel version, flags, name
        0, attach, 0, 0, 0, 0, 0, 0, 0, btf_id,  # ifindex … attach_btf_id
    )  # fmt: skip
    return bpf(PROG_LOAD, attributes)


def run(program: int, args: bytes, cpu: int | None = None) -> int:
    """Run a raw-tracepoint program once, with `args` as its context; its return value."""
    context = buffer(args)
    attributes = pack(
        "IIIIQQIIIIQQII",
        program, 0, 0, 0, 0, 0, 0, 0, len(args), 0, ctypes.addressof(context), 0,
        0 if cpu is None else _RUN_ON_CPU, cpu or 0,
    )  # fmt: skip
    bpf(PROG_TEST_RUN, attributes)
    return int(struct.unpack_from("=I", attributes, 4)[0])


class Runner:
    """`run` for the hot path: one program with 64-bit arguments, in reused buffers."""

    def __init__(self, program: int, arguments: int = 1) -> None:
        self._arguments = (ctypes.c_uint64 * arguments)()
        self._attributes = pack(
            "IIIIQQIIIIQQII",
            program, 0, 0, 0, 0, 0, 0, 0, ctypes.sizeof(self._arguments), 0,
            ctypes.addressof(self._arguments), 0, 0, 0,
        )  # fmt: skip

    def __call__(self, *arguments: int) -> None:
        self._arguments[:] = [argument & (1 << 64) - 1 for argument in arguments]
        bpf(PROG_TEST_RUN, self._attributes)


def attach_raw_tracepoint(program: int, name: str) -> int:
    """Run a program at every hit of a raw tracepoint; it stays while the returned file
    descriptor is open."""
    text = buffer(name.encode() + b"\0")
    return bpf(RAW_TRACEPOINT_OPEN, pack("QII", ctypes.addressof(text), program, 0))


def attach_tracing(program: int) -> int:
    """Attach an fentry or fexit program where it was loaded for; its link's descriptor."""
    return bpf(RAW_TRACEPOINT_OPEN, pack("QII", 0, program, 0))


def iterate(program: int, between: Callable[[bytes], object] = lambda _written: None) -> None:
    """Run an iterator program over everything it iterates.

    `between` is called with each 4096 bytes that it writes, or what there is of them.
    """
    link = bpf(LINK_CREATE, pack("IIIIQI", program, 0, ATTACH_TRACE_ITER, 0, 0, 0))
    try:
        reader = bpf(ITER_CREATE, pack("II", link, 0))
        try:
            while written := os.read(reader, 4096):
                between(written)
        finally:
            os.close(reader)
    finally:
        os.close(link)


class ElementReader:
    """Runs an iterator program over the elements of a map, and reads what it writes.

    OSError where the kernel refuses.
    """

    def __init__(self, program: int, map_fd: int) -> None:
        about = pack("I", map_fd)  # union bpf_iter_link_info
        about_at = ctypes.addressof(about), len(about)
        attributes = pack("IIIIQI", program, 0, ATTACH_TRACE_ITER, 0, *about_at)
        self._link = bpf(LINK_CREATE, attributes)

    def read(self) -> bytes:
        """All that one run writes: whole elements, one after another."""
        reader = bpf(ITER_CREATE, pack("II", self._link, 0))
        try:
            return b"".join(iter(lambda: os.read(reader, _ITER_BYTES), b""))
        finally:
            os.close(reader)

    def close(self) -> None:
        """Call it once."""
        os.close(self._link)


def run_time_ns(program: int) -> int:
    """Nanoseconds a program has run; 0 unless kernel.bpf_stats_enabled is 1."""
    return _info(program, _AT_RUN_TIME_NS)


def missed_runs(program: int) -> int:
    """How often a program did not run because its CPU was in the middle of it already.

    0 on kernels that do not count it (9ed9e9ba2337 "bpf: Count the number of times
    recursion was prevented").
    """
    return _info(program, _AT_RECURSION_MISSES)


def _info(program: int, offset: int) -> int:
    info = ctypes.create_string_buffer(_INFO_BYTES)
    bpf(OBJ_INFO, pack("IIQ", program, len(info), ctypes.addressof(info)))
    return int(struct.unpack_from("=Q", info, offset)[0])
