"""signal: ends the process through a pidfd, each signal only after it was checked again.

Signals are sent in their order, a grace apart, until the process has ended; to a group, to
each of it. What it left behind of the go command (`go list` and the compilers below it,
which outlive their gopls by seconds) is ended with it.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.orphans import orphans_of
from ebpftrace.act.actions.support.pidfd_set import PidfdSet
from ebpftrace.act.actions.support.running import Ended, Running, over
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.undo import Undo
from ebpftrace.events import ProcessKey
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, format_duration

Name = Literal["QUIT", "INT", "HUP", "TERM", "USR1", "USR2", "ABRT", "KILL"]


@dataclass(frozen=True, slots=True)
class SignalOptions:
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


def start(
    incident: Incident,
    options: SignalOptions,
    *,
    resume: Callable[[ProcessKey], None] | None = None,
) -> Running:
    """The first signal is sent with the first poll.

    `resume` resumes a process that a fuse stopped, after a signal that it must handle.
    """
    meant = PidfdSet()
    meant.hold(incident.targets)
    if not meant.fds:
        return over(StepStatus.SKIPPED, f"not signalled: {meant.refused or meant.gone}")
    return _Ending(incident, options, meant, resume)


@dataclass(slots=True)
class _Ending:
    incident: Incident
    options: SignalOptions
    meant: PidfdSet
    resume: Callable[[ProcessKey], None] | None = None
    sent: int = 0
    next_ns: int = 0
    began_ns: int = 0
    dump: str = ""
    orphans: PidfdSet = field(default_factory=PidfdSet)
    orphans_ended: int = 0
    gone_ns: int = 0  # when those that are meant had ended; 0: not yet

    @property
    def fds(self) -> tuple[int, ...]:
        return self.orphans.fds if self.gone_ns else self.meant.fds

    @property
    def undo(self) -> Undo | None:
        return None

    @property
    def due_ns(self) -> int | None:
        return self.next_ns

    def poll(self, now_ns: int) -> Ended | None:
        self.began_ns = self.began_ns or now_ns
        if not self.gone_ns:
            if self.meant.running():
                return self._next_signal(now_ns)
            self.gone_ns = now_ns
            self.orphans_ended = self.orphans.send(signal.SIGTERM)
            self.next_ns = now_ns + min(self.options.grace_ns, 2 * NS_PER_SECOND)
        return self._after_orphans(now_ns)

    def stop(self) -> str:
        self.meant.close()
        self.orphans.close()
        return ""

    def _next_signal(self, now_ns: int) -> Ended | None:
        if now_ns < self.next_ns:
            return None
        if self.sent == len(self.options.send):
            live = "live" if self.incident.other_targets else "lives"
            signals = ", ".join(self.options.send)
            return Ended(
                StepStatus.FAILED, f"{self.incident.target_name} {live} on after {signals}"
            )
        name = self.options.send[self.sent]
        dump = _stderr_of(self.incident.target.key.pid) if name == "QUIT" else ""
        # Looked for before every signal: afterwards they are somebody else's children.
        self.orphans.hold(orphans_of(self.incident, self.options.orphans))
        if not self.meant.send(signal.Signals[f"SIG{name}"]):
            if not self.meant.fds:
                return Ended(StepStatus.SKIPPED, f"not signalled: {self.meant.refused}")
            if not self.meant.running():
                return None  # polled again at once
        if self.resume is not None and name != "KILL":
            for one in self.incident.targets:
                self.resume(one.key)
        self.dump = dump or self.dump
        self.sent += 1
        self.next_ns = now_ns + self.options.grace_ns
        return None

    def _after_orphans(self, now_ns: int) -> Ended | None:
        if not self.orphans.running():
            return Ended(StepStatus.DONE, self._told())
        if now_ns >= self.next_ns:
            self.orphans.send(signal.SIGKILL)
            self.next_ns = now_ns + NS_PER_SECOND
        return None

    def _told(self) -> str:
        if not self.sent:
            return f"{self.incident.target_name} had ended already"
        took = format_duration(self.gone_ns - self.began_ns)
        last = self.options.send[self.sent - 1]
        told = f"{self.incident.target_name} ended by {last} after {took}"
        if self.orphans_ended:
            many = "child" if self.orphans_ended == 1 else "children"
            told += f", with {self.orphans_ended} {many} of it"
        if self.meant.refused:
            told += f"; not signalled: {self.meant.refused}"
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


ACTION = Action(
    name="signal",
    options=SignalOptions,
    doc="end the process: TERM, then KILL unless told otherwise",
    timeout_ns=20 * NS_PER_SECOND,
    start=start,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=True,
)
