"""What the tables of the kernel programs contain, and what they should, counted anew."""

import struct
from collections import Counter
from collections.abc import Iterator

from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.quotas import _PATHS
from ebpftrace.probe.structs import CGROUP_PATH, PATH
from tests.support.observer import Observer

_PATH_BYTES = struct.calcsize("=9Q")


class Tables:
    """The maps of an observer with watermarks, of which nothing is changed."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._programs: Programs = observer.probe._programs

    def entries(self) -> dict[str, int]:
        """How many entries each map has that has an entry for something that lives."""
        names = ("processes", "process_mm", "lineage", "stopped", "stopped_paths", "claims")
        counts = {name: len(list(self._items(name))) for name in names if self._has(name)}
        return {name: count for name, count in counts.items() if count}

    def tracked(self) -> int:
        """The processes that `may_be_tracked` counts."""
        fd = self._programs.map_fd("tracked_mms")
        size = bpf.map_shape(fd)[2]
        counts = bpf.lookup(fd, bytes(4), size) or b""
        return sum(struct.unpack(f"={size // 4}I", counts))

    def cgroup_sums(self) -> dict[int, tuple[int, int]]:
        """By cgroup with any: how many processes it counts, and their pages."""
        sums = {}
        for key, value in self._items("cgroups"):
            (processes,) = struct.unpack_from("=q", value, CGROUP_PATH + _PATH_BYTES)
            held = self._observer.probe._groups._structs.held_pages(value)
            if processes or held:
                sums[struct.unpack("=Q", key)[0]] = (processes, held)
        return sums

    def calls(self) -> int:
        """The calls under way, and those that are counted as having a shared place."""
        shared = bpf.lookup(self._programs.map_fd("shared_calls"), bytes(4), 8) or b""
        (counted,) = struct.Struct("=q").unpack(shared)
        return len(list(self._items("calls"))) + abs(int(counted))

    def wrong_quotas(self) -> dict[tuple[int, str], tuple[int, int]]:
        """By cgroup and table: what is counted, and what there is; those that differ."""
        expected: Counter[tuple[int, str]] = Counter()
        for table, (name, at) in _PATHS.items():
            if not self._has(name):
                continue
            for _, value in self._items(name):
                for cgroup_id in filter(None, PATH.unpack_from(value, at)):
                    expected[cgroup_id, table] += 1
        known = self._observer.probe._quotas.read()
        for quota in known.values():
            at = quota.parent_id
            while at in known:
                expected[at, "quotas"] += 1
                at = known[at].parent_id
        return {
            (cgroup_id, table): (count, expected[cgroup_id, table])
            for cgroup_id, quota in known.items()
            for table, count in (*quota.entries.items(), ("quotas", quota.quotas))
            if count != expected[cgroup_id, table]
        }

    def _has(self, name: str) -> bool:
        try:
            return bool(self._programs.map_fd(name))
        except KeyError:
            return False  # it was not compiled in

    def _items(self, name: str) -> Iterator[tuple[bytes, bytes]]:
        fd = self._programs.map_fd(name)
        _, key_size, value_size, _, _ = bpf.map_shape(fd)
        return bpf.Batch(fd, key_size, value_size).items()
