"""How much memory the machine has, and how much of it is available."""

from pathlib import Path

from ebpftrace.host.reading.proc_file import read_start
from ebpftrace.units import KIB

_LIMIT = 16 * KIB  # it has some 60 lines


def read(root: Path = Path("/")) -> tuple[int, int]:
    """(MemTotal, MemAvailable) of /proc/meminfo in bytes; OSError or KeyError without it.

    MemAvailable is the kernel's own estimate of what new programs can take without
    swapping (Documentation/filesystems/proc.rst).
    """
    fields = _fields(root, {"MemTotal", "MemAvailable"})
    return fields["MemTotal"], fields["MemAvailable"]


def read_swap(root: Path = Path("/")) -> tuple[int, int]:
    """(SwapTotal, SwapFree) in bytes; OSError or KeyError without them."""
    fields = _fields(root, {"SwapTotal", "SwapFree"})
    return fields["SwapTotal"], fields["SwapFree"]


def _fields(root: Path, wanted: set[str]) -> dict[str, int]:
    fields: dict[str, int] = {}
    for line in read_start(str(root / "proc/meminfo"), _LIMIT).decode("ascii").splitlines():
        name, _, rest = line.partition(":")
        if name in wanted:
            fields[name] = int(rest.split()[0]) * KIB
    return fields
