"""Checks before anything is compiled: permission to use BPF, and a working bpf(2)."""

import errno
import os
from pathlib import Path

from ebpftrace.errors import NoBpfError, NotPermittedError
from ebpftrace.probe.loading import bpf

_CAPABILITIES = {38: "CAP_PERFMON", 39: "CAP_BPF"}
_CAP_SYS_ADMIN = 21


def require_bpf() -> None:
    """NotPermittedError without the capabilities, NoBpfError if BPF does not work."""
    missing = _missing_capabilities()
    if missing:
        raise NotPermittedError(
            "ebpftrace may not load BPF programs",
            why=f"this process lacks {' and '.join(missing)}"
            + ("" if os.geteuid() == 0 else "; it does not run as root"),
            fix="run it with sudo; in a container, give it CAP_BPF and CAP_PERFMON\n"
            "(docker run --privileged --pid=host, or securityContext.privileged)",
        )
    try:
        os.close(bpf.create_map(bpf.MAP_ARRAY, 4, 8, 1))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        if error.errno == errno.ENOSYS:
            why = "the kernel was built without CONFIG_BPF_SYSCALL"
        elif error.errno == errno.EPERM:
            why = "a seccomp profile, kernel lockdown or sysctl forbids bpf(2)"
        raise NoBpfError(
            "BPF does not work here",
            why=why,
            fix="run on a Linux 5.10 or newer with BPF; in a container, without a seccomp\n"
            "profile that forbids bpf(2) (docker run --privileged)",
        ) from None


def _missing_capabilities() -> list[str]:
    with Path("/proc/self/status").open(encoding="utf-8") as file:
        line = next(line for line in file if line.startswith("CapEff:"))
    effective = int(line.split()[1], 16)
    if effective >> _CAP_SYS_ADMIN & 1:
        return []
    return [name for bit, name in _CAPABILITIES.items() if not effective >> bit & 1]
