"""CPU time of a process, which a busy machine does not stretch as it does wall time."""

import os
from pathlib import Path


def cpu_ns(pid: int) -> int:
    """Nanoseconds on a CPU of all its threads so far, as the scheduler counts them."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def family_seconds(pid: int) -> float:
    """The same in seconds, with the children it waited for; theirs to the clock tick."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    children = sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime
    return cpu_ns(pid) / 1e9 + children
