"""What the steps of an incident changed for a time, and how it is undone."""

from ebpftrace.act.process.undo import Undo


class TemporaryChanges:
    """Settings to restore and processes to resume, once the incident ends."""

    def __init__(self) -> None:
        self._undos: list[Undo] = []

    def add(self, undo: Undo) -> None:
        self._undos.append(undo)

    def undo_early(self) -> None:
        """Undo what prevents a process from ending: a frozen one cannot die."""
        for undo in self._undos:
            if undo.before_kill:
                undo.run()

    def undo_all(self) -> list[str]:
        """Undo everything, the latest change first; the failures, in words."""
        return [failure for undo in reversed(self._undos) if (failure := undo.run())]
