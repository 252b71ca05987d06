"""What a view gets when a watch starts, and remarks about it."""

from enum import Enum
from typing import NamedTuple


class Started(NamedTuple):
    """A started watch: what it watches, and how this kernel lets it."""

    time_ns: int  # Unix time
    monotonic_ns: int
    version: str
    watching: str  # for people: "comm gopls"
    kernel: str
    cgroups: str  # "v1", "v2" or "hybrid"
    interval_ns: int
    features: tuple[tuple[str, str], ...]  # ("mappings", "mmap_lock_released"), …
    remarks: tuple[str, ...] = ()  # for users: fallbacks, costs


class RemarkKind(Enum):
    """What a remark means to a program that reads it."""

    OTHER = "other"
    RELOADED = "reloaded"  # SIGHUP was handled
    NOT_RELOADED = "not reloaded"  # SIGHUP was handled, and the old policies were kept
    AUDIT_TROUBLE = "audit trouble"  # the audit log cannot be written
    AUDIT_MENDED = "audit mended"


class Remark(NamedTuple):
    """A message about the watch itself, such as policies that were reloaded.

    `time_ns` is Unix time, `monotonic_ns` CLOCK_MONOTONIC.
    """

    time_ns: int
    monotonic_ns: int
    text: str
    kind: RemarkKind = RemarkKind.OTHER
