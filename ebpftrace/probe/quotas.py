"""The quotas of the kernel side's tables: which job fills one, and what nothing uses any more.

See bpf/quota.h. A cgroup's entries are those of all processes in it and below it.
"""

import struct
from collections.abc import Iterable, Mapping

from ebpftrace.events import QuotaReached, SharedTable
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.loading.settings import MAX_QUOTAS
from ebpftrace.probe.structs import QUOTA, StructDecoder
from ebpftrace.values import dataclass

_TABLES = tuple(SharedTable)  # enum table of types.h, without TABLE_QUOTAS
_QUOTAS = len(_TABLES)
_ROOT_ID = 1  # of the hierarchy: the kernel gives it this id

_EVERY = 60  # readings: a task that moves as it is read may leave a cgroup behind

_LOSSES = {f"{table}_full": table for table in SharedTable}
"""The causes of losses that are due to a full table or to a quota of it."""


@dataclass(frozen=True, slots=True)
class QuotaEntries:
    """What one cgroup has of each table; `quotas` are the cgroups with entries."""

    parent_id: int
    entries: Mapping[SharedTable, int]
    quotas: int
    used: int


class Quotas:
    """Removes what is unused once half of a table is taken; finds the cgroup that fills one."""

    def __init__(
        self,
        programs: Programs,
        structs: StructDecoder,
        sizes: Mapping[SharedTable, int],
        max_quotas: int = MAX_QUOTAS,
    ) -> None:
        self._structs = structs
        self._sizes, self._max_quotas = sizes, max_quotas
        self._map = programs.map_fd("quotas")
        self._batch = bpf.Batch(self._map, 8, QUOTA.size)
        size = structs.sizes()["cgroup_counters"]
        self._cgroups = bpf.Batch(programs.map_fd("cgroups"), 8, size)
        self._evict_group = bpf.Runner(programs.load("evict_group"))
        self._evict_quota = bpf.Runner(programs.load("evict_quota"))
        self._readings = 0
        self._missed: dict[SharedTable, int] = {}

    def read(self) -> dict[int, QuotaEntries]:
        """All cgroups with entries, by id."""
        return {
            struct.unpack("=Q", key)[0]: _decode(value) for key, value in self._batch.items()
        }

    def update(self, now_ns: int, losses: Mapping[str, int]) -> list[QuotaReached]:
        """Remove what is unused where a table is more than half full; see QuotaReached."""
        found = self._reached(now_ns, losses)
        self._evict()
        return found

    def _evict(self) -> None:
        data = bpf.lookup(self._map, struct.pack("=Q", _ROOT_ID), QUOTA.size)
        if data is None:
            return
        root = _decode(data)
        if 2 * root.entries[SharedTable.CGROUPS] > self._sizes[SharedTable.CGROUPS]:
            for key, value in list(self._cgroups.items()):
                if self._structs.is_unused(value):
                    self._evict_group(*struct.unpack("=Q", key))
        self._readings += 1
        if 2 * root.quotas > self._max_quotas or self._readings % _EVERY == 0:
            known = self.read()
            for cgroup_id, quota in known.items():
                if quota.used <= 0 or (quota.parent_id and quota.parent_id not in known):
                    self._evict_quota(cgroup_id)

    def _reached(self, now_ns: int, losses: Mapping[str, int]) -> list[QuotaReached]:
        """Which cgroups fill the tables of which something was missed since the last call."""
        missed = {table: losses.get(cause, 0) for cause, table in _LOSSES.items()}
        rose = [table for table in missed if missed[table] > self._missed.get(table, 0)]
        if not rose:
            return []
        known = self.read()
        found = []
        for table in rose:
            more = missed[table] - self._missed.get(table, 0)
            cgroup_id, entries = _largest(known, table)
            if cgroup_id:
                found.append(
                    QuotaReached(now_ns, cgroup_id, table, entries, self._sizes[table], more)
                )
        self._missed = missed
        return found


def _decode(data: bytes) -> QuotaEntries:
    parent, *entries, used, _round, _bytes = QUOTA.unpack(data)
    return QuotaEntries(
        parent, dict(zip(_TABLES, entries, strict=False)), entries[_QUOTAS], used
    )


def _largest(known: Mapping[int, QuotaEntries], table: SharedTable) -> tuple[int, int]:
    """The innermost cgroup, from the root down, that has most of what its parent has.

    Its id and its entries; (0, 0) if nothing has any.
    """
    below: dict[int, list[int]] = {}
    for cgroup_id, quota in known.items():
        below.setdefault(quota.parent_id, []).append(cgroup_id)
    at, entries = 0, 0
    seen: set[int] = set()
    while at not in seen:
        seen.add(at)
        child = _most(below.get(at, ()), known, table)
        have = known[child].entries[table] if child else 0
        if not child or (at not in (0, _ROOT_ID) and 2 * have < entries):
            break
        at, entries = child, have
    return at, entries


def _most(ids: Iterable[int], known: Mapping[int, QuotaEntries], table: SharedTable) -> int:
    """The one with most entries; 0 if none has any."""
    most = max(ids, key=lambda cgroup_id: known[cgroup_id].entries[table], default=0)
    return most if most and known[most].entries[table] > 0 else 0
