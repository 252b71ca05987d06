"""What a view gets when a watch starts, and remarks about it."""

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


class Remark(NamedTuple):
    """A message about the watch itself, such as policies that were reloaded.

    `time_ns` is Unix time, `monotonic_ns` CLOCK_MONOTONIC.
    """

    time_ns: int
    monotonic_ns: int
    text: str
