"""Equal numbers and names as one object: of tens of thousands of processes many are alike."""

from ebpftrace.units import PAGE_SIZE

_MOST = 2048
"""Values that are remembered at a time; after that it begins anew."""


class SharedBytes(dict[int, int]):
    """Pages as bytes: `[pages]` is `pages * PAGE_SIZE`."""

    def __missing__(self, pages: int) -> int:
        if len(self) >= _MOST:
            self.clear()
        value = self[pages] = pages * PAGE_SIZE
        return value


class SharedIds(dict[int, int]):
    """Ids: `[number]` is `number`."""

    def __missing__(self, number: int) -> int:
        if len(self) >= _MOST:
            self.clear()
        self[number] = number
        return number
