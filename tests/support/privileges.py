"""Can the kernel tests run here? The answer is a reason, found by trying."""

import ctypes
import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest

from ebpftrace.architecture import HERE
from tests.support.build import ROOT
from tests.support.cgroups import NoMemoryCgroupError, memory_hierarchy

BPF_PROG_LOAD = 5
BPF_PROG_TYPE_RAW_TRACEPOINT = 17
_CAP_SYS_RESOURCE = 24  # include/uapi/linux/capability.h
# r0 = 0; exit
RETURN_ZERO = bytes.fromhex("b700000000000000 9500000000000000")


def required(what: str) -> bool:
    """Whether EBPFTRACE_REQUIRE_<WHAT>=1 says that this machine can run these tests."""
    return os.environ.get(f"EBPFTRACE_REQUIRE_{what.upper()}") == "1"


@cache
def kernel_refusal() -> str | None:
    """Why the kernel tests cannot run here, in words; None when they can."""
    if os.geteuid() != 0:
        return "not root"
    if importlib.util.find_spec("bcc") is None:
        return "bcc is missing (python3-bpfcc on Debian and Ubuntu)"
    if not Path("/sys/kernel/btf/vmlinux").exists():
        return "the kernel has no BTF"
    if (error := _load_error()) is not None:
        return f"BPF is refused: {error}"
    try:
        memory_hierarchy()
    except NoMemoryCgroupError as error:
        return str(error)
    return None


class _ProgLoad(ctypes.Structure):
    """The head of `union bpf_attr` for BPF_PROG_LOAD (include/uapi/linux/bpf.h)."""

    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_uint64),
        ("license", ctypes.c_uint64),
        ("rest", ctypes.c_uint8 * 96),
    )


def _load_error() -> str | None:
    program = ctypes.create_string_buffer(RETURN_ZERO)
    license_text = ctypes.create_string_buffer(b"GPL")
    request = _ProgLoad(
        BPF_PROG_TYPE_RAW_TRACEPOINT,
        len(RETURN_ZERO) // 8,
        ctypes.addressof(program),
        ctypes.addressof(license_text),
    )
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(
        HERE.bpf, BPF_PROG_LOAD, ctypes.byref(request), ctypes.sizeof(request)
    )
    if descriptor < 0:
        return os.strerror(ctypes.get_errno())
    os.close(descriptor)
    return None


def require_resource() -> None:
    """Skip, with the reason, where root may not lower a score or lock memory."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    held = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    if not held >> _CAP_SYS_RESOURCE & 1:
        pytest.skip("root has no CAP_SYS_RESOURCE here; the machines of tests/vm have it")


def require_machine() -> None:
    """Skip, with the reason, outside of a machine that tests/vm booted for us alone."""
    if not (ROOT / ".vm" / "command").exists():
        pytest.skip("this takes the memory of the whole machine: only in those of tests/vm")
