"""In place of the watchdog and the death signals: which processes were held and resumed."""

from ebpftrace.events import ProcessKey
from ebpftrace.host.ready import WaitReadable, wait_readable


class ScriptedHolding:
    """`resumed` are those that the engine resumed; `resume_elsewhere` plays another program."""

    def __init__(self, map_fd: int = -1) -> None:
        self.map_fd = map_fd
        self.held: list[ProcessKey] = []
        self.resumed: list[ProcessKey] = []
        self.trouble = ""
        self.closed = False
        self._resumed_elsewhere: list[ProcessKey] = []

    def resume_elsewhere(self, key: ProcessKey) -> None:
        """Another program sends it SIGCONT."""
        self._resumed_elsewhere.append(key)

    def hold(self, key: ProcessKey) -> str:
        self.held.append(key)
        return ""

    def holds(self, key: ProcessKey) -> bool:
        return key in self.held

    def resumed_by_others(self) -> list[ProcessKey]:
        keys, self._resumed_elsewhere = self._resumed_elsewhere, []
        return keys

    def resume(self, key: ProcessKey) -> None:
        self.resumed.append(key)
        self.release(key)

    def release(self, key: ProcessKey) -> None:
        if key in self.held:
            self.held.remove(key)

    def check(self) -> str:
        trouble, self.trouble = self.trouble, ""
        return trouble

    def close(self, wait: WaitReadable = wait_readable) -> None:
        self.closed = True
