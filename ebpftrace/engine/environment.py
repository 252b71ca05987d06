"""What a watch takes from the outside. A test or a replay has another."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ebpftrace.act.process.survival import freeze_gc, lock_memory, lower_oom_score
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.resources import BreakerResources, open_holding
from ebpftrace.engine.waiting.clock import SystemTime, TimeSource
from ebpftrace.engine.waiting.priority import TurnPriority
from ebpftrace.host.mounts import MemoryHierarchy, memory_hierarchy
from ebpftrace.probe import Probe
from ebpftrace.probe.kernel import KernelProbe

if TYPE_CHECKING:
    from ebpftrace.act.fuse.holding.holding import Holding
    from ebpftrace.history.store import Store
    from ebpftrace.probe.loading.child import Explain


class OpenProbe(Protocol):
    """Constructs the probe of a watch; `groups` are the ids of the selected cgroups."""

    def __call__(
        self, request: WatchRequest, groups: tuple[int, ...], resources: BreakerResources
    ) -> Probe: ...


def open_kernel_probe(
    request: WatchRequest, groups: tuple[int, ...], resources: BreakerResources
) -> Probe:
    """The only place where the kernel's probe is constructed; raises what that raises."""
    return KernelProbe(
        request.selection,
        cgroup_ids=groups,
        mapping_calls=request.mapping_calls,
        watermarks=resources.policies is not None,
        fuse=resources.default_fuse,
        hold_stopped=resources.hold_stopped,
        self_pid=os.getpid(),
        explain=_explain_compiler,
    )


def _explain_compiler() -> "Explain":
    """Reads the limits of our cgroup, which only a start needs that compiles."""
    from ebpftrace.engine.compile_memory import CompileMemory

    return CompileMemory().explain


def open_sqlite_store(file: Path) -> "Store":
    """The history in a file; raises what that raises. SQLite is imported here only."""
    from ebpftrace.history.sqlite_store import SqliteStore

    return SqliteStore(file)


def protect_process() -> list[str]:
    """Keep this process alive and fast while memory is short; what could not be done.

    Call it once all is loaded.
    """
    failures = [failure for failure in (lower_oom_score(), lock_memory()) if failure]
    freeze_gc()
    return failures


@dataclass(frozen=True, slots=True)
class Environment:
    """This machine, unless something else is given.

    `protect` and `open_priority` are called with a breaker only.
    """

    time: TimeSource = SystemTime()  # noqa: RUF009 - it has no state
    open_probe: OpenProbe = open_kernel_probe
    open_holding: "Callable[[int], Holding]" = open_holding
    open_store: "Callable[[Path], Store]" = open_sqlite_store
    memory_hierarchy: Callable[[], MemoryHierarchy] = memory_hierarchy
    protect: Callable[[], list[str]] = protect_process
    open_priority: Callable[[], TurnPriority] = TurnPriority
