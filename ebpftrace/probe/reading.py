"""A reading: everything that is tracked, or only what changed since the last one."""

import os
import struct
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ebpftrace.events import Event, LossesRead, ProcessKey, ProcessRead
from ebpftrace.probe.fuses import KernelFuses
from ebpftrace.probe.groups import Groups
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.processes import Processes
from ebpftrace.probe.quotas import Quotas
from ebpftrace.probe.reports import Reports
from ebpftrace.probe.rings import Rings
from ebpftrace.probe.sharing import Sharing
from ebpftrace.probe.structs import LOSSES
from ebpftrace.probe.watermarks import Watermarks
from ebpftrace.units import NS_PER_SECOND

_WHOLE_NS = 60 * NS_PER_SECOND
"""Between two readings of everything, where nothing was missed meanwhile."""


class Sources(NamedTuple):
    """What a reading reads."""

    processes: Processes
    groups: Groups
    sharing: Sharing
    quotas: Quotas
    reports: Reports
    rings: Rings
    marks: Watermarks | None
    fuses: KernelFuses | None


class Reading:
    """Reads what changed. After a loss it compares everything with what was reported."""

    def __init__(self, programs: Programs, handlers: Collection[str], sources: Sources) -> None:
        """`handlers` are the programs of which each missed run is a loss."""
        self._programs = programs
        self._handlers = handlers
        self._from = sources
        self._losses: dict[str, int] | None = None  # at the last reading; None: there is none
        self._whole_ns = 0  # when all was read
        self.drift_bytes = 0

    def read(self, now_ns: int) -> list[Event]:
        """See `KernelProbe.read`."""
        processes, rings, reports = self._from.processes, self._from.rings, self._from.reports
        rings.take()  # processes that started since are read as well
        whole = self._is_whole(now_ns)
        if whole:
            processes.update_all()
        if self._from.marks is not None:
            self._from.marks.sum_up()
        entries = processes.entries() if whole else processes.changed_entries()
        self._from.sharing.hand_over()
        if self._from.marks is not None:
            self._from.marks.compare(processes.as_last_read(entries))
        self.drift_bytes = sum(entry.drift_bytes for entry in entries.values())
        if self._from.fuses is not None:
            reports.add_stops(self._from.fuses.unreported(now_ns))
            self._from.fuses.retry_groups()
        missed = whole and self._programs.missed_runs(self._handlers)
        ended = ended_among(entries) if missed else set()
        events = reports.events(rings)
        repaired = processes.repair(
            now_ns, entries, ended, lambda: rings.written, rings.has_read, whole=whole
        )
        for event in repaired:
            reports.forget_stop(event)
            events.append(event)
        events += [
            ProcessRead(now_ns, entry.key, entry.counters)
            for entry in entries.values()
            if entry.key in processes
        ]
        touched = processes.take_touched()
        if whole:
            events += self._from.groups.read(now_ns, processes.cgroup_ids)
        else:
            events += self._from.groups.read_changed(now_ns, touched)
        losses = self.losses()
        events += [*self._from.quotas.update(now_ns, losses), LossesRead(now_ns, losses)]
        return events

    def losses(self) -> dict[str, int]:
        """What was missed so far, by cause; causes without a loss are left out."""
        fd = self._programs.map_fd("losses")
        counts = {
            "missed_runs": self._programs.missed_runs(self._handlers),
            "undecodable": self._from.reports.undecodable,
        }
        for index, name in enumerate(LOSSES):
            value = bpf.lookup(fd, struct.pack("=I", index), 8)
            counts[name] = struct.unpack("=Q", value)[0] if value else 0
        return {name: count for name, count in counts.items() if count}

    def _is_whole(self, now_ns: int) -> bool:
        """Whether to read everything: a start or an end may have been missed."""
        losses = self.losses()
        whole = (
            losses != self._losses
            or self._from.processes.awaits_ends
            or now_ns - self._whole_ns >= _WHOLE_NS
        )
        self._losses = losses
        if whole:
            self._whole_ns = now_ns
        return whole


def ended_among(keys: Iterable[ProcessKey]) -> set[ProcessKey]:
    """Those that have ended. The map has them, so that their end was missed.

    Call it before the pending records are taken, which report ends that were not missed.
    """
    return {key for key in keys if _has_ended(key.pid)}


def _has_ended(pid: int) -> bool:
    """Whether no process has this pid. A process that reused it has to end first."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
