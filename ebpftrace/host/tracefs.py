"""tracefs, mounted while it is needed.

Only classic tracepoints (those of system calls, for `--mapping-calls`) need tracefs; raw
tracepoints do not. It is mounted in a mount namespace of this process, so that the kernel
unmounts it even when the process is killed.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ebpftrace.errors import NoTracefsError
from ebpftrace.host.mounts import mount_point

MOUNT_POINT = Path("/sys/kernel/tracing")
_MNT_DETACH = 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8  # include/uapi/linux/mount.h
_MS_SLAVE_ALL = 1 << 19 | 1 << 14  # MS_SLAVE | MS_REC
_CLONE_NEWNS = 0x20000

_WHY = {
    errno.EPERM: ("not permitted", "run as root, or with CAP_SYS_ADMIN"),
    errno.EACCES: ("not permitted", "run as root, or with CAP_SYS_ADMIN"),
    errno.ENODEV: ("this kernel has no tracefs", "use a kernel with CONFIG_TRACING"),
    errno.ENOENT: (
        f"there is no {MOUNT_POINT}",
        "use a kernel with CONFIG_TRACING, or mount sysfs on /sys",
    ),
}


@contextmanager
def mounted_tracefs(target: Path = MOUNT_POINT) -> Iterator[Path]:
    """The folder tracefs is mounted at; mounts it on `target` if it is mounted nowhere.

    To mount it, the process enters a mount namespace of its own, where it still sees what
    others mount. Only what was mounted here is unmounted at the end. NoTracefsError if it
    can be neither found nor mounted.
    """
    present = mount_point("tracefs")
    if present is not None:
        yield present
        return
    _mount(target)
    try:
        yield target
    finally:
        _unmount(target)


def _mount(target: Path) -> None:
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    libc = ctypes.CDLL(None, use_errno=True)
    done = (
        libc.unshare(_CLONE_NEWNS) == 0
        and libc.mount(None, b"/", None, ctypes.c_ulong(_MS_SLAVE_ALL), None) == 0
        and libc.mount(b"tracefs", os.fsencode(target), b"tracefs", ctypes.c_ulong(flags), None)
        == 0
    )
    if not done:
        number = ctypes.get_errno()
        why, fix = _WHY.get(
            number, (os.strerror(number), f"mount it: mount -t tracefs tracefs {target}")
        )
        raise NoTracefsError(f"cannot mount tracefs on {target}", why=why, fix=fix)


def _unmount(target: Path) -> None:
    # Detached: a process that has a file in it open must not keep it mounted.
    code = ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(target), _MNT_DETACH)
    if code != 0 and ctypes.get_errno() != errno.EINVAL:  # EINVAL: it was unmounted already
        raise NoTracefsError(
            f"cannot unmount tracefs from {target}",
            why=os.strerror(ctypes.get_errno()),
            fix=f"umount {target}",
        )
