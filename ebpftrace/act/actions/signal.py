"""signal: end the process through a pidfd, checking it again before each signal.

The signals are sent in order, a grace period apart, until the process has ended; those of a
group are each signalled. A grace is cut short where the limit would be reached first.
Descendants of the go command, which outlive their gopls by seconds, are ended with it. So is
every process that shares its memory, by the same signals, and a debugger that keeps it from
ending. What keeps its memory then, such as a later child, is killed.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.heirs import Heirs
from ebpftrace.act.actions.support.limit_outlook import LOOK_NS, LimitOutlook
from ebpftrace.act.actions.support.orphans import orphans_of
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.actions.support.tracers import Tracers
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import Target
from ebpftrace.act.process.pidfd_set import PidfdSet
from ebpftrace.act.process.sharers import FindSharers, no_sharers, sharers_of
from ebpftrace.act.process.undo import Undo
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from ebpftrace.probe import HeirControl
from ebpftrace.units import NS_PER_SECOND, format_duration

Name = Literal["QUIT", "INT", "HUP", "TERM", "USR1", "USR2", "ABRT", "KILL"]


@dataclass(frozen=True, slots=True)
class SignalOptions:
    """The options of one step."""

    send: Annotated[
        tuple[Name, ...], "signals in this order; QUIT makes a Go program dump its goroutines"
    ] = ("TERM", "KILL")
    grace_ns: Annotated[int, "duration", "how long each signal may take"] = 5 * NS_PER_SECOND
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
    find_sharers: FindSharers = no_sharers,
    heirs: HeirControl | None = None,
) -> Running:
    """The first signal is sent by the first poll.

    `resume` resumes a process that a fuse stopped, after a signal that it must handle.
    """
    targets = PidfdSet(incident.signalled)
    targets.add(incident.targets)
    if targets.empty:
        return finished(
            StepStatus.SKIPPED, f"not signalled: {targets.refused or targets.ended}"
        )
    outlook = LimitOutlook(incident.cgroup_folder, incident.limit_bytes)
    given = {target.given_path for target in incident.targets}
    ends = Heirs(heirs, incident.held_bytes, incident.mark, incident.cgroup_folder, given)
    return _Signaling(incident, options, targets, outlook, ends, resume, find_sharers)


@dataclass(slots=True)
class _Signaling:
    incident: Incident
    options: SignalOptions
    targets: PidfdSet
    outlook: LimitOutlook
    heirs: Heirs
    resume: Callable[[ProcessKey], None] | None = None
    find_sharers: FindSharers = no_sharers
    sharers: set[Target] = field(default_factory=set)
    tracers: Tracers = field(default_factory=Tracers)
    sent: int = 0
    next_ns: int = 0
    began_ns: int = 0
    looked_ns: int = 0  # how near the limit is, or why it lives on
    is_cut_short: bool = False  # a grace was
    dump: str = ""  # where the goroutine dump goes
    orphans: PidfdSet = field(default_factory=PidfdSet)
    orphans_ended: int = 0
    ended_ns: int = 0  # when the targets had ended; 0: not yet

    @property
    def fds(self) -> tuple[int, ...]:
        return (*self.orphans.fds, *self.heirs.fds) if self.ended_ns else self.targets.fds

    @property
    def undo(self) -> Undo | None:
        return None

    @property
    def due_ns(self) -> int | None:
        if self.ended_ns:
            return self.heirs.due_ns or self.next_ns
        return min(self.next_ns, self.looked_ns + LOOK_NS) if self._looks else self.next_ns

    @property
    def _looks(self) -> bool:
        """Whether a target has a signal, and more may be done before the grace is over."""
        waits = not self.ended_ns and 0 < self.sent < len(self.options.send)
        return (waits and self.outlook.is_known) or self._is_killed

    @property
    def _is_killed(self) -> bool:
        return not self.ended_ns and "KILL" in self.options.send[: self.sent]

    def poll(self, now_ns: int) -> Ended | None:
        self.began_ns = self.began_ns or now_ns
        if not self.ended_ns:
            if self.targets.alive():
                return self._next_signal(now_ns)
            self.ended_ns = now_ns
            self.orphans_ended = self.orphans.send(signal.SIGTERM)
            self.next_ns = now_ns + min(self.options.grace_ns, 2 * NS_PER_SECOND)
        keys = {target.key for target in (*self.incident.targets, *self.sharers)}
        return self._after_orphans(now_ns) if self.heirs.poll(now_ns, keys) else None

    def cancel(self, now_ns: int) -> bool:
        return False

    def stop(self) -> str:
        self.targets.close()
        self.orphans.close()
        self.heirs.close()
        return ""

    def _next_signal(self, now_ns: int) -> Ended | None:
        if now_ns < self.next_ns:
            if not self._looks or now_ns < self.looked_ns + LOOK_NS:
                return None
            self.looked_ns = now_ns
            if self._is_killed:
                killed = {*self.incident.targets, *self.sharers}
                self.tracers.end((it.key for it in killed), {it.given_path for it in killed})
            if self.sent == len(self.options.send) or not self.outlook.is_near(now_ns):
                return None
            self.is_cut_short = True
        if self.sent == len(self.options.send):
            are = "are" if self.incident.other_targets else "is"
            left = f"{self.incident.target_name} {are} still running"
            return Ended(StepStatus.FAILED, f"{left} after {', '.join(self.options.send)}")
        name = self.options.send[self.sent]
        dump = _dump_of(self.incident.target.key.pid) if name == "QUIT" else ""
        # Found before every signal: once it has ended they have another parent.
        self.orphans.add(orphans_of(self.incident, self.options.orphans))
        keys = [target.key for target in self.incident.targets]
        sharers = sharers_of(keys, self.find_sharers)
        self.sharers.update(sharers)
        self.targets.add(sharers)
        self.heirs.expect([*keys, *(sharer.key for sharer in sharers)])
        if not self.targets.send(signal.Signals[f"SIG{name}"]):
            if self.targets.empty:
                return self._refused()
            if not self.targets.alive():
                return None  # polled again at once
        if self.resume is not None and name != "KILL":
            for target in self.incident.targets:
                self.resume(target.key)
        self.dump = dump or self.dump
        self.sent += 1
        self.looked_ns = now_ns
        self.next_ns = now_ns + self.options.grace_ns
        return None

    def _refused(self) -> Ended:
        if not self.sent:
            return Ended(StepStatus.SKIPPED, f"not signalled: {self.targets.refused}")
        signals = ", ".join(self.options.send[: self.sent])
        return Ended(
            StepStatus.FAILED,
            f"{self.incident.target_name} was sent {signals} and nothing more: "
            f"{self.targets.refused}",
        )

    def _after_orphans(self, now_ns: int) -> Ended | None:
        if not self.orphans.alive():
            last = self.options.send[self.sent - 1] if self.sent else ""
            status = StepStatus.FAILED if self.heirs.left else StepStatus.DONE
            return Ended(status, self._detail(), signal=last)
        if now_ns >= self.next_ns:
            self.orphans.send(signal.SIGKILL)
            self.next_ns = now_ns + NS_PER_SECOND
        return None

    def _detail(self) -> str:
        if not self.sent:
            return f"{self.incident.target_name} had already ended"
        took = format_duration(self.ended_ns - self.began_ns)
        last = self.options.send[self.sent - 1]
        detail = f"{self.incident.target_name} ended by {last} after {took}"
        if self.is_cut_short:
            detail += ", sooner since the limit was near"
        shared, copied = _processes(len(self.sharers)), _processes(self.heirs.killed)
        detail += f", with {shared} that shared its memory" if shared else ""
        detail += f", with {copied} that kept its memory" if copied else ""
        if self.orphans_ended:
            orphans = "descendant" if self.orphans_ended == 1 else "descendants"
            detail += f", with {self.orphans_ended} {orphans}"
        detail += f", but {self.heirs.left}" if self.heirs.left else ""
        if self.targets.refused:
            detail += f"; not signalled: {self.targets.refused}"
        return detail + (f"; goroutine dump: {self.dump}" if self.dump else "")


def _processes(count: int) -> str:
    return f"{count} process{'es' if count > 1 else ''}" if count else ""


def _dump_of(pid: int) -> str:
    """Where a Go program's goroutine dump goes: its stderr."""
    link = proc.read_descriptor(pid, 2)
    if link is None:
        return "nowhere, its stderr is closed"
    if link == "/dev/null":
        return "lost, its stderr is /dev/null"
    if link.startswith("pipe:"):
        return f"at the reader of its stderr, {link}"
    return f"in {link}"


ACTION = Action(
    name="signal",
    options=SignalOptions,
    doc="end the process: TERM, then KILL by default",
    timeout_ns=20 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=True,
    saves_evidence=False,
    awaits_evidence=True,
)
