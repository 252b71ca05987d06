"""The books: events in, an immutable `Snapshot` out."""

from ebpftrace.ledger.books import Ledger
from ebpftrace.ledger.notes import LossNote, Note, OomNote, ProcessNote, StallNote
from ebpftrace.ledger.snapshot import (
    Growth,
    JobSnapshot,
    ProcessSnapshot,
    SelfCost,
    Snapshot,
)

__all__ = [
    "Growth",
    "JobSnapshot",
    "Ledger",
    "LossNote",
    "Note",
    "OomNote",
    "ProcessNote",
    "ProcessSnapshot",
    "SelfCost",
    "Snapshot",
    "StallNote",
]
