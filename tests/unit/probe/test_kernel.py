"""What the kernel's probe does beside loading: rounds of adoption, losses.

The kernel side is scripted, and the constructor, which loads it, is left out.
"""

from collections.abc import Callable

import pytest

from ebpftrace.probe.kernel import KernelProbe


class Family:
    """Processes of which each round of the iterator finds the next generation."""

    def __init__(self, *generations: int) -> None:
        self._left = list(generations)
        self._found = 0
        self.rounds = 0

    def __len__(self) -> int:
        return self._found

    def iterate(self, name: str, iterator: int, between: Callable[[bytes], object]) -> None:
        assert (name, iterator) == ("adopt", 42)
        between(b"")
        self.rounds += 1
        self._found += self._left.pop(0) if self._left else 0

    def take(self, _records: int, _ns: int) -> None:
        """The records of the found processes are read."""


def bare(**parts: object) -> KernelProbe:
    probe = object.__new__(KernelProbe)
    for name, part in ({"fuses": None} | parts).items():
        setattr(probe, name, part)
    return probe


@pytest.mark.parametrize(
    ("follow", "generations", "rounds"),
    [
        pytest.param(False, (3, 2, 1), 1, id="without children"),
        pytest.param(True, (3, 2, 1), 4, id="with children, until a round finds none"),
        pytest.param(True, (), 1, id="none runs"),
        pytest.param(True, (1,) * 100, 32, id="bounded"),
    ],
)
def test_running_processes_are_found_in_rounds(
    follow: bool, generations: tuple[int, ...], rounds: int
) -> None:
    family = Family(*generations)
    bare(_programs=family, _processes=family, _rings=family)._adopt(42, follow=follow)
    assert family.rounds == rounds
