"""signal: ends the process through a pidfd, each signal only after it was checked again.

Signals are sent in their order, a grace apart, until the process has ended. What it left
behind of the go command (`go list` and the compilers below it, which outlive their gopls
by seconds) is ended with it.
"""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from ebpftrace.act.actions.kind import ActionKind
from ebpftrace.act.actions.running import Ended, Running, over, readable
from ebpftrace.act.guard import RefusedError, Target, open_process
from ebpftrace.act.incident import Incident
from ebpftrace.act.kin import orphans_of
from ebpftrace.act.outcome import Status
from ebpftrace.act.undo import Undo
from ebpftrace.errors import GoneError
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, format_duration

Name = Literal["QUIT", "INT", "HUP", "TERM", "USR1", "USR2", "ABRT", "KILL"]


@dataclass(frozen=True, slots=True)
class Options:
    """Of one rung."""

    send: Annotated[
        tuple[Name, ...], "signals in this order; QUIT makes a Go program dump its goroutines"
    ] = ("TERM", "KILL")
    grace_ns: Annotated[int, "duration", "how long each signal is given"] = 5 * NS_PER_SECOND
    orphans: Annotated[
        Literal["go", "all", "none"],
        "which of its descendants are ended with it: the go command and its tools, all, none",
    ] = "go"

    def __post_init__(self) -> None:
        if not self.send:
            raise ValueError("send is empty")


KIND = ActionKind(
    "signal", Options, "end the process: TERM, then KILL unless told otherwise",
    20 * NS_PER_SECOND,
)  # fmt: skip


def start(incident: Incident, options: Options) -> Running:
    """The first signal is sent with the first poll."""
    try:
        fd = open_process(incident.target)
    except (GoneError, RefusedError) as error:
        return over(Status.SKIPPED, f"not signalled: {error.what}")
    return _Ending(incident, options, fd)


@dataclass(slots=True)
class _Ending:
    incident: Incident
    options: Options
    pidfd: int
    sent: int = 0
    next_ns: int = 0
    began_ns: int = 0
    dump: str = ""
    left: list[tuple[Target, int]] = field(default_factory=list)  # orphans and their pidfds
    orphans_ended: int = 0
    gone_ns: int = 0  # when the process itself had ended; 0: not yet

    @property
    def fds(self) -> tuple[int, ...]:
        if self.gone_ns:
            return tuple(fd for _, fd in self.left)
        return (self.pidfd,)

    @property
    def undo(self) -> Undo | None:
        return None

    @property
    def due_ns(self) -> int | None:
        return self.next_ns

    def poll(self, now_ns: int) -> Ended | None:
        self.began_ns = self.began_ns or now_ns
        if not self.gone_ns:
            if not readable(self.pidfd):
                return self._next_signal(now_ns)
            self.gone_ns = now_ns
            self._signal_orphans(signal.SIGTERM)
            self.next_ns = now_ns + min(self.options.grace_ns, 2 * NS_PER_SECOND)
        return self._after_orphans(now_ns)

    def stop(self) -> str:
        for _, fd in self.left:
            os.close(fd)
        os.close(self.pidfd)
        return ""

    def _next_signal(self, now_ns: int) -> Ended | None:
        if now_ns < self.next_ns:
            return None
        if self.sent == len(self.options.send):
            signals = ", ".join(self.options.send)
            return Ended(Status.FAILED, f"{self.incident.who} lives on after {signals}")
        name = self.options.send[self.sent]
        try:
            # The pidfd holds the process; what it is and where it is may have changed.
            os.close(open_process(self.incident.target))
            if name == "QUIT":
                self.dump = _stderr_of(self.incident.target.key.pid)
            self._find_orphans()
            signal.pidfd_send_signal(self.pidfd, signal.Signals[f"SIG{name}"])
        except (GoneError, ProcessLookupError):
            if readable(self.pidfd):
                return None  # polled again at once: the pidfd is readable
        except RefusedError as error:
            return Ended(Status.SKIPPED, f"not signalled: {error.what}")
        self.sent += 1
        self.next_ns = now_ns + self.options.grace_ns
        return None

    def _find_orphans(self) -> None:
        """Looked for before every signal: afterwards they are somebody else's children."""
        held = {target.key for target, _ in self.left}
        for target in orphans_of(self.incident, self.options.orphans):
            if target.key in held:
                continue
            try:
                self.left.append((target, open_process(target)))
            except (GoneError, RefusedError):
                continue  # ended, or not ours to end

    def _signal_orphans(self, number: signal.Signals) -> None:
        for target, fd in self.left:
            try:
                os.close(open_process(target))
                signal.pidfd_send_signal(fd, number)
            except (GoneError, RefusedError, ProcessLookupError):
                continue
            if number == signal.SIGTERM:
                self.orphans_ended += 1

    def _after_orphans(self, now_ns: int) -> Ended | None:
        alive = [(target, fd) for target, fd in self.left if not readable(fd)]
        for one in self.left:
            if one not in alive:
                os.close(one[1])
        self.left = alive
        if alive and now_ns >= self.next_ns:
            self._signal_orphans(signal.SIGKILL)
            self.next_ns = now_ns + NS_PER_SECOND
        return None if alive else Ended(Status.DONE, self._told())

    def _told(self) -> str:
        if not self.sent:
            return f"{self.incident.who} had ended already"
        took = format_duration(self.gone_ns - self.began_ns)
        told = f"{self.incident.who} ended by {self.options.send[self.sent - 1]} after {took}"
        if self.orphans_ended:
            many = "child" if self.orphans_ended == 1 else "children"
            told += f", with {self.orphans_ended} {many} of it"
        return told + (f"; goroutine dump: {self.dump}" if self.dump else "")


def _stderr_of(pid: int) -> str:
    """Where a Go program's dump will go: what its stderr is."""
    try:
        link = str(Path(f"/proc/{pid}/fd/2").readlink())
    except OSError:
        return "nowhere, its stderr is closed"
    if link == "/dev/null":
        return "lost, its stderr is /dev/null"
    if link.startswith("pipe:"):
        return f"with the reader of its stderr, {link}"
    return f"in {clean(os.fsencode(link))}"
