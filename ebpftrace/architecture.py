"""What differs between the processors' architectures: one row each.

Everything else here, the programs for the kernel included, is the same on all of them. The
size of a page is not among these: one architecture may have several, see `units.py`.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Register(NamedTuple):
    """A register as the kernel saves it: a field of struct pt_regs, and which word of it."""

    field: str
    word: int = 0


class SystemCalls(NamedTuple):
    """How the kernel passes a system call on to the function that does it.

    The name of that function is `prefix` and the call's name. Its only argument is a pointer
    to the caller's registers (ARCH_HAS_SYSCALL_WRAPPER), which is in `first` when it is
    called; it returns in `result`. In the caller's registers `second` is the call's second
    argument.
    """

    prefix: str
    first: Register
    second: Register
    result: Register


class Architecture(NamedTuple):
    """One row; `calls` is None where the functions of its system calls were not tried."""

    bpf: int = -1  # the number of bpf(2); the kernel answers ENOSYS to -1
    in_order: bool = False  # reads of a CPU, and its writes, are seen in their order
    calls: SystemCalls | None = None


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({
    "x86_64": Architecture(
        bpf=321,
        in_order=True,
        calls=SystemCalls(
            "__x64_sys_", Register("di"), Register("si"), Register("ax"),
        ),
    ),
    "aarch64": Architecture(
        bpf=280,
        calls=SystemCalls(
            "__arm64_sys_", Register("regs"), Register("regs", 1), Register("regs"),
        ),
    ),
    "riscv64": Architecture(bpf=280),
    "s390x": Architecture(bpf=351, in_order=True),
    "ppc64le": Architecture(bpf=361),
})  # fmt: skip
"""By the name that `uname -m` has for it. Numbers: each architecture's syscall table in the
kernel's arch/; registers: its asm/ptrace.h and asm/syscall_wrapper.h."""

HERE = ARCHITECTURES.get(os.uname().machine, Architecture())
"""That of this machine."""
