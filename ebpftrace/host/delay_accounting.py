"""How long a process waited for memory: the kernel's per-process delay accounting.

The kernel sums, over all threads that a process ever had, the time spent in direct
reclaim, in swapping in, and in reading back pages that were evicted shortly before
(thrashing). It does so only if kernel.task_delayacct is 1; otherwise all values are 0.

pyroute2 exchanges the netlink messages. The record in them is decoded here, because pyroute2
0.9 knows the layout of version 15 only, and of the others a part without these fields.
Source: include/uapi/linux/taskstats.h; Documentation/accounting/taskstats.rst.
"""

import errno
import struct
from pathlib import Path
from typing import Any

from ebpftrace.counters import Delays
from ebpftrace.errors import EbpftraceError, NotPermittedError

# Offsets of swapin_delay_total, freepages_delay_total and thrashing_delay_total. Fields
# were only added at the end, except in version 15, which put a maximum and a minimum after
# each delay; version 16 reverted that.
_OFFSETS = (56, 320, 336)
_OFFSETS_15 = (88, 368, 400)
_THRASHING_SINCE = 9


def available(root: Path = Path("/")) -> bool:
    """Whether the kernel accounts delays now (kernel.task_delayacct is 1)."""
    try:
        return (root / "proc/sys/kernel/task_delayacct").read_text().strip() == "1"
    except OSError:
        return False


def parse(record: bytes) -> Delays:
    """A `struct taskstats` of version 8 (Linux 2.6.27) or later; ValueError if too short."""
    try:
        (version,) = struct.unpack_from("=H", record)
        swapin, freepages, thrashing = _OFFSETS_15 if version == 15 else _OFFSETS
        return Delays(
            *struct.unpack_from("=Q", record, swapin),
            *struct.unpack_from("=Q", record, freepages),
            *(
                struct.unpack_from("=Q", record, thrashing)
                if version >= _THRASHING_SINCE
                else (0,)
            ),
        )
    except struct.error as error:
        raise ValueError(f"taskstats record of {len(record)} bytes: {error}") from error


class DelayAccounting:
    """A netlink socket that is queried for one process at a time.

    Opening it imports pyroute2 (0.9.7: 0.12 s, and memory that `python -m bench rss`
    measures). A query takes about 0.3 ms. Call `close` when done.
    """

    def __init__(self) -> None:
        """EbpftraceError if the kernel has no taskstats or pyroute2 is missing."""
        try:
            from pyroute2.netlink.exceptions import NetlinkError

            from ebpftrace.host.taskstats import ask, open_socket
        except ImportError as error:
            raise EbpftraceError(
                "cannot read the kernel's delay accounting",
                why="the Python package pyroute2 is missing",
                fix="install it with scripts/setup, or python3-pyroute2 of the distribution",
            ) from error
        self._ask = ask
        self._refused: type[Exception] = NetlinkError
        try:
            self._socket: Any = open_socket()
        except (NetlinkError, OSError) as error:
            raise EbpftraceError(
                "cannot read the kernel's delay accounting",
                why=f"generic netlink has no TASKSTATS here: {error}",
                fix="use a kernel with CONFIG_TASKSTATS and CONFIG_TASK_DELAY_ACCT",
            ) from error

    def read(self, pid: int) -> Delays | None:
        """How long the process has waited so far; None if it has ended.

        NotPermittedError without CAP_NET_ADMIN.
        """
        try:
            record = self._ask(self._socket, pid)
        except self._refused as error:
            code = getattr(error, "code", 0)
            if code == errno.ESRCH:
                return None
            if code == errno.EPERM:
                raise NotPermittedError(
                    "cannot read the kernel's delay accounting",
                    why="not permitted",
                    fix="run as root, or with CAP_NET_ADMIN",
                ) from error
            raise EbpftraceError(
                f"cannot read the delays of pid {pid}", why=str(error)
            ) from error
        return parse(record)

    def close(self) -> None:
        self._socket.close()
