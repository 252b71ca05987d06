"""A whole watch in scripted time: probe, view and machine are fakes, the engine is real."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ebpftrace.act.fuse.events import UserCommand
from ebpftrace.act.fuse.holding.holding import Holding
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.counters import CgroupCounters, ProcessCounters, Usage
from ebpftrace.engine.environment import Environment
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.engine.waiting.priority import TurnPriority
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.engine.watch import watch
from ebpftrace.events import (
    Breached,
    CgroupGone,
    CgroupMade,
    FuseBlown,
    FuseScope,
    OomKilled,
    ProcessExited,
    ProcessKey,
    ProcessStarted,
    StartCause,
)
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.probe import Probe, Selection
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.recording_view import RecordingView
from tests.support.scripted_holding import ScriptedHolding
from tests.support.scripted_probe import ScriptedProbe, holding
from tests.support.scripted_store import ScriptedStore
from tests.support.scripted_time import ScriptedTime

GROUP = 7
GOPLS = Selection(comms=("gopls",))
NO_SUCH_PID = (1 << 22) + 1
"""Above PID_MAX_LIMIT: /proc never has it, so that nothing real is read."""


def fake_key(number: int = 0) -> ProcessKey:
    """A process that does not exist."""
    return ProcessKey(NO_SUCH_PID + number, NS_PER_SECOND + number)


@dataclass
class ScriptedWatch:
    """`at` scripts what happens, `run` runs the watch to its end.

    Actions need `policies`, and a real process whose cgroup is made known by `start`.
    """

    folder: Path
    selection: Selection = GOPLS
    policies: tuple[Policy, ...] = ()
    fuses: bool = False
    changes: dict[str, Any] = field(default_factory=dict)  # of the request
    store: PolicyStore | None = None
    history: ScriptedStore | None = None

    def __post_init__(self) -> None:
        self.time = ScriptedTime()
        self.probe = ScriptedProbe(fuses=self.fuses)
        self.holding = ScriptedHolding()
        self.view = RecordingView(lambda: self.time.seconds)
        self.at = self.time.at
        self.waiter: Waiter | None = None
        self.on_open: Callable[[BreakerResources], object] = lambda _resources: None

    @property
    def request(self) -> WatchRequest:
        store = self.store
        if store is None and self.policies:
            store = PolicyStore(None, self.policies)
        audit = self.folder / "audit.jsonl"
        history = None if self.history is None else self.folder / "history.db"
        request = WatchRequest(self.selection, policies=store, audit=audit, history=history)
        return request._replace(**({"duration_ns": 5 * NS_PER_SECOND} | self.changes))

    @property
    def environment(self) -> Environment:
        hierarchy = MemoryHierarchy("v1", self.folder)
        return Environment(
            time=self.time,
            open_probe=self._open_probe,
            open_holding=lambda _map_fd: cast(Holding, self.holding),
            open_store=self._open_store,
            memory_hierarchy=lambda: hierarchy,
            all_is_imported=lambda: None,
            protect=list,
            open_priority=lambda: TurnPriority(set_real_time=lambda _real_time: None),
        )

    def run(self, **changes: Any) -> RecordingView:
        """The view after the end. `changes` are of the request."""
        self.changes |= changes
        watch(self.request, [self.open_view], self.environment)
        return self.view

    def open_view(self, waiter: Waiter) -> RecordingView:
        self.waiter = waiter
        return self.view

    def submit(self, command: UserCommand) -> None:
        """A user asks for this in the dashboard."""
        assert self.waiter is not None
        self.waiter.submit(command)

    def _open_probe(
        self,
        request: WatchRequest,
        groups: tuple[int, ...],
        resources: BreakerResources,
        meanwhile: Callable[[], object],
    ) -> Probe:
        meanwhile()
        self.on_open(resources)
        if self.fuses:
            resources.hold_stopped(self.probe.fd)
        return self.probe

    def _open_store(self, _file: Path) -> ScriptedStore:
        assert self.history is not None
        return self.history

    def start(
        self, key: ProcessKey, mib: float = 10, comm: str = "gopls", parent: int = 1,
        limit: int | None = None,
    ) -> None:  # fmt: skip
        """A process starts, in the memory cgroup `GROUP`."""
        path = memory_cgroup(key.pid) or "/ci"
        self.probe.cgroups[GROUP] = CgroupCounters(limit_bytes=limit)
        self.probe.emit(
            CgroupMade(self.time.now_ns, GROUP, path),
            ProcessStarted(
                self.time.now_ns, key, parent, StartCause.EXEC, comm, GROUP,
                args=(comm, "serve"), counters=holding(mib),
            ),
        )  # fmt: skip

    def exit(self, key: ProcessKey, **changes: Any) -> None:
        event = ProcessExited(self.time.now_ns, key, "gopls", 0, 0, ProcessCounters())
        self.probe.emit(event._replace(**changes))

    def breach(self, key: ProcessKey, mib: int) -> None:
        """The group crosses a mark."""
        self.probe.hold(key, mib)
        self.probe.emit(Breached(self.time.now_ns, key, GROUP, mib * MIB, group=True))

    def blow(self, key: ProcessKey, mib: int, number: signal.Signals = signal.SIGSTOP) -> None:
        """The kernel signals a process that crosses its fuse's bound."""
        self.probe.hold(key, mib)
        size = mib * MIB
        self.probe.emit(
            FuseBlown(self.time.now_ns, key, GROUP, FuseScope.JOB, size, size, size, number)
        )

    def oom_kill(self, key: ProcessKey) -> None:
        usage = Usage(anon_bytes=190 * MIB)
        self.probe.emit(OomKilled(self.time.now_ns, key, "gopls", GROUP, usage, tracked=True))

    def remove_cgroup(self, cgroup_id: int, path: str) -> None:
        self.probe.emit(CgroupGone(self.time.now_ns, cgroup_id, path, CgroupCounters()))
