"""`--delays`: the time each tracked process lost waiting for memory, once a reading."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessDelayed, ProcessKey
from ebpftrace.host import delay_accounting

_SWITCH = Path("proc/sys/kernel/task_delayacct")


def require_accounting(root: Path = Path("/")) -> None:
    """EbpftraceError unless the kernel accounts delays now."""
    if delay_accounting.available(root):
        return
    switched_off = (root / _SWITCH).exists()
    raise EbpftraceError(
        "--delays has nothing to read",
        why="the kernel's delay accounting is off: kernel.task_delayacct is 0"
        if switched_off
        else "this kernel has no kernel.task_delayacct (Linux 5.14, CONFIG_TASK_DELAY_ACCT)",
        fix="sysctl kernel.task_delayacct=1 (not for processes that already run), or run "
        "without --delays"
        if switched_off
        else "run without --delays; the time spent in direct reclaim is reported without it",
    )


class DelayReader:
    """Reads the delays of one process at a time, some 0.3 ms each.

    It imports pyroute2, and raises what `DelayAccounting` raises. Our own delays are read
    at once: what fails for this process fails for all.
    """

    def __init__(self) -> None:
        self._accounting = delay_accounting.DelayAccounting()
        try:
            self._accounting.read(os.getpid())
        except BaseException:
            self.close()
            raise

    def read(self, now_ns: int, keys: Iterable[ProcessKey]) -> Iterator[ProcessDelayed]:
        """An event for each of these processes that runs; `now_ns` is CLOCK_MONOTONIC."""
        for key in keys:
            delays = self._accounting.read(key.pid)
            if delays is not None:
                yield ProcessDelayed(now_ns, key, delays)

    def close(self) -> None:
        self._accounting.close()
