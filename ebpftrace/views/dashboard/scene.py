"""What there is to draw, besides what the user chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebpftrace.judge.finding import Severity
from ebpftrace.ledger import Snapshot
from ebpftrace.views.start import Started
from ebpftrace.views.told import Told


@dataclass(frozen=True, slots=True)
class Scene:
    """The books as they are shown, and what happened; all of it frozen."""

    started: Started | None = None
    snapshot: Snapshot | None = None  # None: nothing was read yet
    notes: Sequence[Told] = ()  # newest last
    unseen: int = 0  # notes since the pause
    alarms: Mapping[str, Severity] = field(default_factory=dict)  # in force, by job key
