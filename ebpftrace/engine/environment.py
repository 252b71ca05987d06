"""What a watch takes from the outside. A test or a replay has another."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ebpftrace import heap
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.resources import BreakerResources, open_holding
from ebpftrace.engine.waiting.clock import SystemTime, TimeSource
from ebpftrace.engine.waiting.priority import TurnPriority
from ebpftrace.host import meminfo
from ebpftrace.host.mounts import MemoryHierarchy, memory_hierarchy
from ebpftrace.probe import Probe
from ebpftrace.probe.kernel import KernelProbe

if TYPE_CHECKING:
    from ebpftrace.act.fuse.holding.holding import Holding
    from ebpftrace.history.store import Store
    from ebpftrace.probe.loading.child import Explain


_UNLIMITED = 1 << 62


class OpenProbe(Protocol):
    """Constructs the probe of a watch; `groups` are the ids of the selected cgroups.

    `meanwhile` is called once, before anything is attached.
    """

    def __call__(
        self,
        request: WatchRequest,
        groups: tuple[int, ...],
        resources: BreakerResources,
        meanwhile: Callable[[], object],
    ) -> Probe: ...


def open_kernel_probe(
    request: WatchRequest,
    groups: tuple[int, ...],
    resources: BreakerResources,
    meanwhile: Callable[[], object] = lambda: None,
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
        processes=heap.processes_within(request.max_memory_bytes or own_bound()),
        meanwhile=meanwhile,
    )


def _explain_compiler() -> "Explain":
    """Reads the limits of our cgroup, which only a start that compiles needs."""
    from ebpftrace.engine.compile_memory import CompileMemory

    return CompileMemory().explain


def own_bound(
    limit_bytes: int | None = None, read: Callable[[], tuple[int, int]] = meminfo.read
) -> int:
    """The bound of the watch's memory where the user gave none.

    `limit_bytes` is the limit of our own cgroup, by default the one it has.
    """
    if limit_bytes is None:
        from ebpftrace.engine.compile_memory import own_memory

        limit_bytes = own_memory().limit_bytes
    try:
        memory = min(read()[0], limit_bytes or _UNLIMITED)
    except (OSError, KeyError):  # a container may hide it
        memory = limit_bytes or 0
    return heap.default_bound(memory)


def open_sqlite_store(file: Path) -> "Store":
    """The history in a file; raises what that raises. SQLite is imported here only."""
    from ebpftrace.history.sqlite_store import SqliteStore

    return SqliteStore(file)


def protect_process() -> list[str]:
    """Keep this process alive and fast while memory is short; what could not be done.

    Call it once all is loaded.
    """
    from ebpftrace.act.process.survival import freeze_gc, lock_memory, lower_oom_score

    failures = [failure for failure in (lower_oom_score(), lock_memory()) if failure]
    freeze_gc()
    return failures


class Environment(NamedTuple):
    """This machine, unless something else is given. `all_is_imported` is called once, after
    the first snapshot.

    `protect` and `open_priority` are called with a breaker only.
    """

    time: TimeSource = SystemTime()
    open_probe: OpenProbe = open_kernel_probe
    open_holding: "Callable[[int], Holding]" = open_holding
    open_store: "Callable[[Path], Store]" = open_sqlite_store
    memory_hierarchy: Callable[[], MemoryHierarchy] = memory_hierarchy
    own_bound: Callable[[], int] = own_bound
    all_is_imported: Callable[[], None] = heap.collect_from_now_on
    protect: Callable[[], list[str]] = protect_process
    open_priority: Callable[[], TurnPriority] = TurnPriority
