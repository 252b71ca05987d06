"""How much memory the machine has, and how much of it is available."""

from pathlib import Path

from ebpftrace.units import KIB


def read(root: Path = Path("/")) -> tuple[int, int]:
    """(MemTotal, MemAvailable) of /proc/meminfo in bytes; OSError or KeyError without it.

    MemAvailable is the kernel's own estimate of what new programs can take without
    swapping (Documentation/filesystems/proc.rst).
    """
    fields: dict[str, int] = {}
    with (root / "proc/meminfo").open() as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name in {"MemTotal", "MemAvailable"}:
                fields[name] = int(rest.split()[0]) * KIB
                if len(fields) == 2:
                    break
    return fields["MemTotal"], fields["MemAvailable"]
