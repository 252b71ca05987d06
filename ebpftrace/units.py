"""Parses and formats sizes and durations. Internally: bytes and nanoseconds."""

import os
import re

PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

NS_PER_SECOND = 1_000_000_000

# More digits are a typing error, and may not fit a float.
_NUMBER = r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*"
_DURATION = re.compile(_NUMBER + r"(ms|s|m|h)?\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(_NUMBER + r"(|B|[KMGT]iB|[kKMGT]B)\s*")
_SHARE = re.compile(_NUMBER + r"%\s*")
_BYTES = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": GIB * KIB} | {
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip


def parse_duration_ns(text: str) -> int:
    """`500ms`, `2s`, `1.5m`, `1h` or plain seconds, as nanoseconds. ValueError otherwise."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}; write 500ms, 2s, 1.5m or 1h")
    return round(float(match[1]) * _SECONDS[match[2]] * NS_PER_SECOND)


def parse_bytes(text: str) -> int:
    """`256MiB`, `1.8GiB`, `2GB` (powers of 1000) or plain bytes. ValueError otherwise.

    A bare K, M or G is refused: it means 1024 to some programs and 1000 to others.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a size: {text!r}; write 256MiB, 1.8GiB or 2GB")
    return round(float(match[1]) * _BYTES[match[2]])


def parse_share(text: str) -> float:
    """`85%` as 0.85; above 0 % and at most 100 %. ValueError otherwise."""
    match = _SHARE.fullmatch(text)
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError(f"not a share: {text!r}; write 85%")
    return float(match[1]) / 100


def parse_increase(text: str) -> float:
    """`150%` as 1.5; 0 % or more. ValueError otherwise."""
    match = _SHARE.fullmatch(text)
    if match is None:
        raise ValueError(f"not an increase: {text!r}; write 10%")
    return float(match[1]) / 100


def format_bytes(size: int) -> str:
    """A size in at most seven columns, in binary units: `0 B`, `16 KiB`, `1.5 GiB`."""
    sign, size = ("-", -size) if size < 0 else ("", size)
    if size < KIB:
        return f"{sign}{size} B"
    for unit, scale in (("KiB", KIB), ("MiB", MIB), ("GiB", GIB), ("TiB", GIB * KIB)):
        value = size / scale
        if value < 9.95:
            return f"{sign}{value:.1f} {unit}"
        if value < 999.5:
            return f"{sign}{value:.0f} {unit}"
    return f"{sign}{size / (GIB * KIB):.0f} TiB"


def format_duration(ns: int) -> str:
    """A duration in at most six columns: `12ms`, `1.5s`, `59s`, `2m05s`, `3h20m`, `4d02h`."""
    seconds = ns / NS_PER_SECOND
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 59.5:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"
