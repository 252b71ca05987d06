"""What there is to draw, besides what the user chose."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebpftrace.ledger import Note, Snapshot
from ebpftrace.views.start import Started


@dataclass(frozen=True, slots=True)
class Scene:
    """The books as they are shown, and what happened; all of it frozen."""

    started: Started | None = None
    snapshot: Snapshot | None = None  # None: nothing was read yet
    notes: Sequence[Note] = ()  # newest last
    unseen: int = 0  # notes since the pause
