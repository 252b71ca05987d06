"""Who stands at a fuse now, and what became of those who did, for the views."""

from collections.abc import Mapping

from ebpftrace.act.fuse.events import FuseEvent, FuseEventKind
from ebpftrace.events import ProcessKey
from ebpftrace.ledger import ProcessNote
from ebpftrace.views.entries import Entry

Standing = Mapping[ProcessKey, FuseEvent]
"""Each process that stands, with the word that it was stopped."""


class StoppedProcesses:
    """Hears all that is told. Bounded by who can stand at once: the kernel side has a limit."""

    def __init__(self) -> None:
        self.standing: Standing = {}
        self._counts = dict.fromkeys(FuseEventKind, 0)

    def hear(self, entry: Entry) -> bool:
        """One entry; whether it changes who stands."""
        if isinstance(entry, ProcessNote) and entry.event == "exit":
            return self._forget(entry.key)
        if not isinstance(entry, FuseEvent):
            return False
        if entry.word is FuseEventKind.STOPPED:
            self._counts[entry.word] += entry.process not in self.standing
            self.standing = {**self.standing, entry.process: entry}
            return True
        self._counts[entry.word] += 1
        return self._forget(entry.process)

    def in_words(self) -> str:
        """`3 stopped: 2 thawed, 1 ended`, for the summary; empty where there was nothing."""
        counts = self._counts
        killed = counts[FuseEventKind.KILLED]
        parts = [f"{killed:,} killed at the bound"] if killed else []
        stopped = counts[FuseEventKind.STOPPED]
        if stopped:
            told = ((counts[FuseEventKind.THAWED], "thawed"),
                    (counts[FuseEventKind.ENDED], "ended"),
                    (len(self.standing), "standing"))  # fmt: skip
            became = ", ".join(f"{number:,} {word}" for number, word in told if number)
            parts.insert(0, f"{stopped:,} stopped" + (f" ({became})" if became else ""))
        return ", ".join(parts)

    def _forget(self, process: ProcessKey) -> bool:
        if process not in self.standing:
            return False
        self.standing = {key: one for key, one in self.standing.items() if key != process}
        return True


def stood_ns(news: FuseEvent, now_ns: int) -> int:
    """For how long one that stands has stood at `now_ns` (CLOCK_MONOTONIC)."""
    return max(0, now_ns - news.monotonic_ns + news.stood_ns)
