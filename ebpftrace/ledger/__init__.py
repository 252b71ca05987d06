"""The ledger: events in, an immutable `Snapshot` out."""

from ebpftrace.ledger.curve import Curve, evidence_points
from ebpftrace.ledger.ledger import Ledger
from ebpftrace.ledger.notes import (
    LossNote,
    Note,
    OomNote,
    PressureNote,
    ProcessChange,
    ProcessNote,
    StallNote,
)
from ebpftrace.ledger.process_account import KnownProcess
from ebpftrace.ledger.snapshot import (
    GrowthRates,
    JobSnapshot,
    JobState,
    Node,
    ProcessSnapshot,
    ProcessState,
    SelfCost,
    Snapshot,
)

__all__ = [
    "Curve",
    "GrowthRates",
    "JobSnapshot",
    "JobState",
    "KnownProcess",
    "Ledger",
    "LossNote",
    "Node",
    "Note",
    "OomNote",
    "PressureNote",
    "ProcessChange",
    "ProcessNote",
    "ProcessSnapshot",
    "ProcessState",
    "SelfCost",
    "Snapshot",
    "StallNote",
    "evidence_points",
]
