"""What there is to draw, besides what the user chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import OomNote, Snapshot
from ebpftrace.views.entries import Entry
from ebpftrace.views.start import Started
from ebpftrace.views.stopped_processes import StoppedByKey


@dataclass(frozen=True, slots=True)
class ScreenData:
    """The books as they are shown, and what happened; all of it frozen."""

    started: Started | None = None
    snapshot: Snapshot | None = None  # None: nothing was read yet
    entries: Sequence[Entry] = ()  # newest last
    unseen: int = 0  # entries since the pause
    # Those in force by job key, the most severe first; and each job's last oom kill.
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    kills: Mapping[str, OomNote] = field(default_factory=dict)
    stopped: StoppedByKey = field(default_factory=dict)
