"""An action of a test: it ends when the test says so."""

from dataclasses import dataclass

from ebpftrace.act.actions.support.running import Ended, Read
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.process.undo import Undo


@dataclass
class ScriptedAction:
    """It ends as `ended` says; None: not yet. `about` is set by the rig that starts it.

    Before its end it reports once that the evidence is `read`.
    """

    ended: Ended | None = None
    undo: Undo | None = None
    fds: tuple[int, ...] = ()
    due_ns: int | None = None
    stopped: int = 0
    about: Incident | None = None
    refuses: Exception | None = None  # why it cannot start
    read: Read | None = None

    def poll(self, now_ns: int) -> Ended | Read | None:
        read, self.read = self.read, None
        return read or self.ended

    def cancel(self, now_ns: int) -> bool:
        return False

    def started(self) -> bool:
        return self.about is not None

    def stop(self) -> str:
        self.stopped += 1
        return ""
