"""The data to draw, apart from the user's state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import OomNote, Snapshot
from ebpftrace.views.entries import Entry
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedByKey


@dataclass(frozen=True, slots=True)
class ScreenData:
    """One snapshot, the events, and what follows from them; all of it frozen."""

    started: Started | None = None
    snapshot: Snapshot | None = None  # None: nothing has been read yet
    entries: Sequence[Entry] = ()  # newest last
    unseen: int = 0  # entries since the pause
    # By job key: the active findings, the most severe first, and the last oom kill.
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    kills: Mapping[str, OomNote] = field(default_factory=dict)
    stopped: StoppedByKey = field(default_factory=dict)
