"""The system call itself: its number, its attributes, and the refusals worth a second try.

Layouts: union bpf_attr in the kernel's include/uapi/linux/bpf.h.
"""

import ctypes
import errno
import os
import resource
import struct

from ebpftrace.architecture import HERE

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE = 0, 1, 2, 3
PROG_LOAD, PROG_TEST_RUN, OBJ_INFO, RAW_TRACEPOINT_OPEN = 5, 10, 15, 17
MAP_LOOKUP_BATCH, LINK_CREATE, ITER_CREATE = 24, 28, 33

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attributes: "ctypes.Array[ctypes.c_char]") -> int:
    """The call's result. OSError if it fails."""
    result: int = _libc.syscall(HERE.bpf, command, attributes, len(attributes))
    if result < 0:
        code = ctypes.get_errno()
        if code == errno.EPERM and command in (MAP_CREATE, PROG_LOAD) and _lift_memlock():
            return bpf(command, attributes)
        if code == errno.EAGAIN and command == PROG_LOAD:
            # The verifier gives up when a signal is pending. Its handler has run by now.
            return bpf(command, attributes)
        raise OSError(code, os.strerror(code))
    return result


def pack(layout: str, *values: int) -> "ctypes.Array[ctypes.c_char]":
    """Attributes of a call: `layout` as `struct.pack` takes it, without padding."""
    packed = struct.pack("=" + layout, *values)
    return ctypes.create_string_buffer(packed, len(packed))


def buffer(data: bytes) -> "ctypes.Array[ctypes.c_char]":
    """Memory with exactly these bytes, whose address may be passed in attributes."""
    return ctypes.create_string_buffer(data, len(data))


def _lift_memlock() -> bool:
    """Whether the limit on locked memory was lifted now.

    Up to Linux 5.10 maps and programs count against it (3ac1f01b43b6 "bpf: Eliminate
    rlimit-based memory accounting for bpf progs"), and the kernel reports EPERM only.
    """
    lifted = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    if resource.getrlimit(resource.RLIMIT_MEMLOCK) == lifted:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, lifted)
    except (OSError, ValueError):
        return False
    return True
