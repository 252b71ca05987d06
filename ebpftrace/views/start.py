"""What a view is told when a watch begins."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """The watch, its means, and what they cost others."""

    time_ns: int  # Unix time
    monotonic_ns: int
    version: str
    watching: str  # in words: "comm gopls"
    kernel: str
    cgroups: str  # "v1", "v2" or "hybrid"
    interval_ns: int
    features: tuple[tuple[str, str], ...]  # ("mappings", "mmap_lock_released"), …
    remarks: tuple[str, ...] = ()  # what a user should know: fall-backs, costs
