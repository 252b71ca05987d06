"""Whatever is told between two snapshots, as one line each: notes, findings, what was done."""

from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Note
from ebpftrace.views.acts import Act, act_line
from ebpftrace.views.findings import finding_line
from ebpftrace.views.lines import WIDTH, note_line

Told = Note | Finding | Act


def told_line(told: Told, width: int = WIDTH) -> str:
    """One line of at most `width` cells."""
    if isinstance(told, Finding):
        return finding_line(told, width)
    return act_line(told, width) if isinstance(told, Act) else note_line(told, width)
