"""What a view gets when a watch starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
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
