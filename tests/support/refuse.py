"""`python -m tests.support.refuse ERRNO COMMAND…`: the command, with bpf(2) failing.

A seccomp filter as container engines have one; it outlives exec and cannot be taken off.
"""

import ctypes
import os
import struct
import sys

from ebpftrace.architecture import HERE

# include/uapi/linux: prctl.h, seccomp.h, bpf_common.h
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


class _Filter(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def refuse_bpf(errno: int) -> None:
    """Let bpf(2) fail with this error from here on. OSError if there is no seccomp."""
    code = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD_NUMBER, 0, 0, 0),
            (JUMP_IF_EQUAL, 0, 1, HERE.bpf),
            (RETURN, 0, 0, RET_ERRNO | errno),
            (RETURN, 0, 0, RET_ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Filter(len(code) // 8, code)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0),
        (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    refuse_bpf(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
