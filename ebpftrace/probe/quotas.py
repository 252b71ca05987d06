"""The quotas of the kernel side's tables: which job fills one, and what nothing uses any more.

See bpf/quota.h. A cgroup's entries are those of all processes in it and below it. Two programs
that run at once may count one wrongly, so they are counted anew once a minute.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ebpftrace.events import QuotaReached, SharedTable
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.loading.settings import MAX_QUOTAS
from ebpftrace.probe.structs import CGROUP_PATH, PATH, PROCESS_PATH, QUOTA, StructDecoder

_TABLES = tuple(SharedTable)  # enum table of types.h, without TABLE_QUOTAS
_QUOTAS = len(_TABLES)
_ROOT_ID = 1  # of the hierarchy: the kernel gives it this id

_EVERY = 60  # readings: a task that moves as it is read may leave a cgroup behind

_LOOKS = 4
"""So many in a row must find too many entries of a cgroup, or too few: an entry is in its table
for some microseconds before it is counted."""

_PATHS = {
    SharedTable.PROCESSES: ("processes", PROCESS_PATH),
    SharedTable.CGROUPS: ("cgroups", CGROUP_PATH),
    SharedTable.LINEAGE: ("lineage", 0),
    SharedTable.RECLAIM: ("reclaiming", 8),
    SharedTable.STOPPED: ("stopped_paths", 0),
}
"""By table: its map, and where in a value the path of cgroups begins that it counts for."""

_LOSSES = {f"{table}_full": table for table in SharedTable}
"""The causes of losses that are due to a full table or to a quota of it."""


class QuotaEntries(NamedTuple):
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
        self._recount = _Recount(programs, self.read)
        self._unused: set[int] = set()  # when that was last due
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
        is_due = self._readings % _EVERY == 0
        if is_due or 2 * root.quotas > self._max_quotas:
            known = self.read()
            unused = [
                cgroup_id
                for cgroup_id, quota in known.items()
                if quota.used <= 0 or (quota.parent_id and quota.parent_id not in known)
            ]
            for cgroup_id in unused:
                if not is_due or cgroup_id in self._unused:  # it was counted anew in between
                    self._evict_quota(cgroup_id)
            if is_due:
                self._unused = set(unused)
        self._recount.look(self._readings)

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


class _Recount:
    """Corrects the entries that are counted for each cgroup, one table after the other."""

    def __init__(
        self, programs: Programs, read: Callable[[], Mapping[int, QuotaEntries]]
    ) -> None:
        self._programs = programs
        self._read = read
        self._correct = bpf.Runner(programs.load("correct_quota"), 3)
        self._wrong: dict[int, int] = {}  # of one table, by cgroup: too many, or too few
        self._looks = 0

    def look(self, reading: int) -> None:
        """Once a reading: at one table, and at the next ones again where something differs."""
        turn, look = divmod(reading % _EVERY, _EVERY // (_QUOTAS + 1))
        if look == 0:
            self._looks, self._wrong = 0, self._differences(turn)
        elif self._wrong and self._looks < _LOOKS - 1:
            self._looks += 1
            now = self._differences(turn)
            self._wrong = {
                cgroup_id: min(by, now[cgroup_id], key=abs)
                for cgroup_id, by in self._wrong.items()
                if by * now.get(cgroup_id, 0) > 0
            }
            if self._looks == _LOOKS - 1:
                for cgroup_id, by in self._wrong.items():
                    self._correct(cgroup_id, turn, -by)

    def _differences(self, turn: int) -> dict[int, int]:
        """By how much more is counted than there is now, of each cgroup that has any.

        What was counted or uncounted meanwhile is no difference.
        """
        before = self._read()
        expected = _below(before) if turn == _QUOTAS else self._entries(_TABLES[turn])
        wrong = {}
        for cgroup_id, after in self._read().items():
            quota = before.get(cgroup_id)
            if quota is None:
                continue
            counts = _counted(quota, turn), _counted(after, turn)
            if by := max(0, min(counts) - expected[cgroup_id]) or min(
                0, max(counts) - expected[cgroup_id]
            ):
                wrong[cgroup_id] = by
        return wrong

    def _entries(self, table: SharedTable) -> Counter[int]:
        """By cgroup: the entries of the table whose paths have it."""
        name, at = _PATHS[table]
        found: Counter[int] = Counter()
        try:
            fd = self._programs.map_fd(name)
        except KeyError:
            return found  # it was not compiled in
        _, key_size, value_size, _, _ = bpf.map_shape(fd)
        for value in bpf.Batch(fd, key_size, value_size).values():
            found.update(filter(None, PATH.unpack_from(value, at)))
        return found


def _counted(quota: QuotaEntries, turn: int) -> int:
    return quota.quotas if turn == _QUOTAS else quota.entries[_TABLES[turn]]


def _below(known: Mapping[int, QuotaEntries]) -> Counter[int]:
    """By cgroup: how many with entries there are below it."""
    found: Counter[int] = Counter()
    for quota in known.values():
        at = quota.parent_id
        for _ in range(PATH.size // 8):
            if at not in known:
                break
            found[at] += 1
            at = known[at].parent_id
    return found


def _decode(data: bytes) -> QuotaEntries:
    parent, *numbers = QUOTA.unpack(data)
    entries, used = numbers[: _QUOTAS + 1], numbers[_QUOTAS + 1]  # then its shares
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
