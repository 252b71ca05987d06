"""Whether a program may read the kernel's memory by itself, without calling a helper.

bpf_probe_read_kernel takes about 20 ns a call on a CPU with mitigations, and the programs that
run at each page read several fields. Since Linux 6.2 a program can cast any address to a
pointer to a kernel struct (a35b9af4ec2c "bpf: Add a kfunc to type cast from bpf uapi ctx to
kernel ctx"), which the verifier turns into a plain load: about 1 ns, and zero where there is
no memory. BTF-typed raw tracepoints (since 5.5) allow such loads only from their arguments
and at constant offsets, which is not enough for a counter's part on each CPU.
"""

import contextlib
import os
import struct

from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.objects import FIRST_KFUNC, relocate

_CAST = "bpf_rdonly_cast"
_TYPE = "timespec64"
"""Any struct that begins with an integer of 64 bits: an address is read as if it were there."""

_R0, _R1, _R2 = 0, 1, 2


def direct_reads(btf: KernelTypes, *, trial: bool = True) -> dict[str, int]:
    """Constants for the compiler with which programs read by themselves; {} if they cannot.

    Without `trial`, for another machine's kernel, its types alone decide.
    """
    try:
        cast, type_id = btf.function_id(_CAST), btf.struct_id(_TYPE)
    except KeyError:
        return {}
    if cast < FIRST_KFUNC or (trial and not _loads(cast, type_id)):
        return {}
    return {"RDONLY_CAST": cast, "READ_TYPE": type_id}


def _loads(cast: int, type_id: int) -> bool:
    """Whether the kernel takes a program that reads its own argument's memory."""
    with contextlib.suppress(OSError):
        os.close(bpf.load(bpf.PROG_RAW_TRACEPOINT, _program(cast, type_id)))
        return True
    return False


def _program(cast: int, type_id: int) -> bytes:
    """r0 = the first argument, cast; r1 = the 64 bits there, then the 32 bits."""
    code = (
        struct.pack("=BBhi", 0x79, _R1 | _R1 << 4, 0, 0),
        struct.pack("=BBhi", 0xB7, _R2, 0, type_id),
        struct.pack("=BBhi", 0x85, 0, 0, cast),
        struct.pack("=BBhi", 0x79, _R1 | _R0 << 4, 0, 0),
        struct.pack("=BBhi", 0x61, _R1 | _R0 << 4, 0, 0),
        struct.pack("=BBhi", 0xB7, _R0, 0, 0),
        struct.pack("=BBhi", 0x95, 0, 0, 0),
    )
    return relocate(b"".join(code), {})
