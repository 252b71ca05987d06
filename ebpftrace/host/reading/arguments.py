"""The arguments of a process, as many as a watch keeps of each: a job may have thousands."""

import sys

from ebpftrace.text import clean
from ebpftrace.units import KIB

READ_BYTES = 16 * KIB
_MOST = 512
_KEPT_BYTES = 8 * KIB  # of memory


def arguments(raw: bytes) -> tuple[str, ...]:
    """Those in /proc/PID/cmdline, cleaned: the first 512, and as many as 8 KiB hold.

    The last is `…` if others were left out for that.
    """
    kept: list[str] = []
    left = _KEPT_BYTES
    for arg in map(clean, raw.removesuffix(b"\0").split(b"\0", _MOST)[:_MOST] if raw else ()):
        left -= sys.getsizeof(arg)
        if left < 0:
            return (*kept, "…")
        kept.append(arg)
    return tuple(kept)
