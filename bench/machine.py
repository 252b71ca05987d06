"""What the figures were measured on."""

import os
import platform
from pathlib import Path

from ebpftrace.text import clean


def machine() -> str:
    """One line: kernel, processor, CPUs and how busy they were."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = clean(line.partition(":")[2].strip())
            break
    load = os.getloadavg()[0]
    return (
        f"Linux {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs ({model}), "
        f"Python {platform.python_version()}, load {load:.1f} at start"
    )
