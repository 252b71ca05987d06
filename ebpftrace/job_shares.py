"""What jobs can cause without end is done so often for each of them, and no more.

Each cgroup has 3/4 of what its parent may have and the cgroups beside it have left, as in
bpf/quota.h: so whatever is done below a cgroup, 1/4 is left to those beside it, and more
cgroups of its own get a job nothing.
"""

from collections.abc import Iterator, Sequence

_PART = 4
_LEVELS = 7
"""Those further down share what the one above them has; as many as the kernel side looks at."""


class JobShares:
    """Grants so many requests in each period, of `period_ns`."""

    def __init__(self, most: int, period_ns: int) -> None:
        self._most, self._period_ns = most, period_ns
        self._period = 0
        self._taken: dict[int, int] = {}  # by node of a path; 0 is the root

    def take(self, path: Sequence[int], now_ns: int) -> bool:
        """One more for this cgroup, given as nodes from below the root down to itself.

        `now_ns` may be of any clock; a later period renews all shares, as does an earlier one.
        """
        if now_ns // self._period_ns != self._period:
            self._period = now_ns // self._period_ns
            self._taken.clear()
        nodes = (0, *path[:_LEVELS])
        if any(taken >= most for taken, most in self._shares(nodes)):
            return False
        for node in nodes:
            self._taken[node] = self._taken.get(node, 0) + 1
        return True

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


def nodes_of(path: str) -> list[int]:
    """The nodes of a cgroup, by its path within its hierarchy. Two may be taken for one."""
    parts = path.strip("/").split("/")[:_LEVELS]
    return [hash("/".join(parts[: level + 1])) for level in range(len(parts))]
