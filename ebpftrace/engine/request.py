"""What a user asked to be watched, and how."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.probe import Selection
from ebpftrace.units import NS_PER_SECOND


class WatchRequest(NamedTuple):
    """One watch. `duration_ns` None: until it is interrupted."""

    selection: Selection
    interval_ns: int = NS_PER_SECOND
    duration_ns: int | None = None
    once: bool = False
    mapping_calls: bool = False
    delays: bool = False
    max_memory_bytes: int | None = None  # of the watch itself; None: by the machine's memory
    audit: Path = DEFAULT_FILE
    insists: bool = True  # where another ebpftrace acts already: an error, not a remark
    history: Path | None = None  # None: no past runs are read, and none are recorded
    policies: PolicyStore | None = None  # None: the watch reports and never acts
    pod_name: Callable[[str], str] | None = None  # what the Kubernetes API calls a pod, by uid
    reloads: bool = False  # SIGHUP is a reload also where there is no policy file
