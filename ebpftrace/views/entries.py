"""The entries of a view's tail of events: each one line, and how loud it is.

Here alone a view for people tells the types apart; table and dashboard ask.
"""

from typing import Literal

from ebpftrace.ledger import LossNote, Note, OomNote, ProcessNote
from ebpftrace.views.lines import WIDTH, note_line

Entry = Note
Loudness = Literal["faint", "plain", "warning", "alarm"]


def entry_line(entry: Entry, width: int = WIDTH) -> str:
    """What happened, when, to whom; cut to `width` columns."""
    return note_line(entry, width)


def loudness(entry: Entry) -> Loudness:
    """How much it asks to be seen."""
    if isinstance(entry, OomNote):
        return "alarm"
    if isinstance(entry, LossNote):
        return "warning"
    return "faint" if isinstance(entry, ProcessNote) else "plain"
