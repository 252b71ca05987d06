"""What the engine publishes: frozen values that the threads of the service read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import JobSnapshot, Snapshot
from ebpftrace.service.cluster import ClusterState
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.start import Started

BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def _nothing() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FirstActions:
    """A histogram: seconds from a breach until the first action of its incident began."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS_SECONDS) + 1)  # the last: above all bounds
    sum_seconds: float = 0.0

    def with_one(self, ns: int) -> "FirstActions":
        """With another incident."""
        seconds = ns / NS_PER_SECOND
        place = sum(seconds > bound for bound in BUCKETS_SECONDS)
        counts = tuple(n + (i == place) for i, n in enumerate(self.counts))
        return replace(self, counts=counts, sum_seconds=self.sum_seconds + seconds)


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job without a process, as it was last; `since_ns` is CLOCK_MONOTONIC."""

    job: JobSnapshot
    since_ns: int


@dataclass(frozen=True, slots=True)
class Published:
    """One moment of the watch. Mappings are never changed, only replaced.

    `steps` and `incidents` count by (policy, action, status) and (policy, result).
    """

    started: Started | None = None  # None: nothing is attached yet
    snapshot: Snapshot | None = None
    findings: Mapping[object, Finding] = field(default_factory=lambda: MappingProxyType({}))
    ended: Mapping[str, EndedJob] = field(default_factory=lambda: MappingProxyType({}))
    steps: Mapping[tuple[str, str, str], int] = field(
        default_factory=lambda: MappingProxyType({})
    )
    incidents: Mapping[tuple[str, str], int] = field(
        default_factory=lambda: MappingProxyType({})
    )
    first_actions: FirstActions = FirstActions()
    fuses: Mapping[str, int] = field(default_factory=_nothing)  # by event
    acts: bool = False  # there are policies, and an audit log
    audit_trouble: str = ""
    reload_trouble: str = ""
    lost_lines: int = 0  # of the journal
    over: bool = False  # the watch has ended
    cluster: ClusterState | None = None  # None: the Kubernetes API is not asked
    no_cluster: str = ""  # why not


class State:
    """The last `Published`, replaced by the engine's thread alone, readable from any."""

    def __init__(self, *, acts: bool = False, no_cluster: str = "") -> None:
        self.published = Published(acts=acts, no_cluster=no_cluster)

    def publish(self, **changes: object) -> None:
        """Replace these fields."""
        self.published = replace(self.published, **changes)  # type: ignore[arg-type]
