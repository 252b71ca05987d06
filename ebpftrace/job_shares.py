"""What jobs can cause without end is done so often for each of them, and no more.

Each cgroup has 3/4 of what its parent may have and the cgroups beside it have left, as in
bpf/quota.h: so whatever is done below a cgroup, 1/4 is left to those beside it, and more
cgroups of its own get a job nothing.
"""

from collections.abc import Iterator, Sequence

_PART = 4
_LEVELS = 7
"""Those further down share what the one above them has; as many as the kernel side looks at."""


class JobSlots:
    """Grants so many slots at a time. A path is the nodes of a cgroup, from `nodes_of`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[int, int] = {}  # by node of a path; 0 is the root

    def has_room(self, path: Sequence[int], slots: int = 1) -> bool:
        """Whether this cgroup may have so many more."""
        return self.full_node(path, slots) is None

    def full_node(self, path: Sequence[int], slots: int = 1) -> int | None:
        """The outermost node on the path that may not have so many more, 0 for the root."""
        nodes = _nodes(path)
        shares = zip(nodes, self._shares(nodes), strict=True)
        return next((node for node, (taken, most) in shares if taken + slots > most), None)

    def take(self, path: Sequence[int], slots: int = 1) -> None:
        """So many more for this cgroup, also where there is no room."""
        for node in _nodes(path):
            self._taken[node] = self._taken.get(node, 0) + slots

    def give_back(self, path: Sequence[int]) -> None:
        """One less for this cgroup, which has taken it."""
        for node in _nodes(path):
            self._taken[node] -= 1
            if not self._taken[node]:
                del self._taken[node]

    def clear(self) -> None:
        """All have given back what they had."""
        self._taken.clear()

    def _shares(self, nodes: Sequence[int]) -> Iterator[tuple[int, int]]:
        """What each node has taken, and what it may take."""
        most, above = self._most, 0
        for level, node in enumerate(nodes):
            taken = self._taken.get(node, 0)
            if level:
                left = max(0, most - (above - taken))
                most = left - left // _PART
            yield taken, most
            above = taken


class JobShares:
    """Grants so many requests in each period, of `period_ns`.

    A period begins with its first request. `now_ns` may be of any clock; where that has gone
    back, a period begins as well.
    """

    def __init__(self, most: int, period_ns: int) -> None:
        self._slots, self._period_ns = JobSlots(most), period_ns
        self._began_ns: int | None = None

    def has_room(self, path: Sequence[int], now_ns: int) -> bool:
        """Whether `take` would grant one more."""
        return self._is_over(now_ns) or self._slots.has_room(path)

    def take(self, path: Sequence[int], now_ns: int) -> bool:
        """One more for this cgroup, given as nodes from below the root down to itself."""
        if self._is_over(now_ns):
            self._began_ns = now_ns
            self._slots.clear()
        if not self._slots.has_room(path):
            return False
        self._slots.take(path)
        return True

    def _is_over(self, now_ns: int) -> bool:
        began_ns = self._began_ns
        return began_ns is None or not 0 <= now_ns - began_ns < self._period_ns


def nodes_of(path: str) -> list[int]:
    """The nodes of a cgroup, by its path within its hierarchy. Two may be taken for one."""
    parts = path.strip("/").split("/")[:_LEVELS]
    return [hash("/".join(parts[: level + 1])) for level in range(len(parts))]


def _nodes(path: Sequence[int]) -> Sequence[int]:
    return (0, *path[:_LEVELS])
