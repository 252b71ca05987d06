"""What there is to draw, besides what the user chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebpftrace.judge.finding import Severity
from ebpftrace.ledger import Snapshot
from ebpftrace.views.entries import Entry
from ebpftrace.views.start import Started


@dataclass(frozen=True, slots=True)
class Scene:
    """The books as they are shown, and what happened; all of it frozen."""

    started: Started | None = None
    snapshot: Snapshot | None = None  # None: nothing was read yet
    entries: Sequence[Entry] = ()  # newest last
    unseen: int = 0  # entries since the pause
    alarms: Mapping[str, Severity] = field(default_factory=dict)  # in force, by job key
