"""What the kernel's probe does beside loading: rounds of adoption, losses, repeated stops.

The kernel side is scripted, and the constructor, which loads it, is left out.
"""

import struct
from typing import Any, cast

import pytest

from ebpftrace.counters import ProcessCounters
from ebpftrace.events import Event, FuseBlown, FuseScope, ProcessExited, ProcessKey
from ebpftrace.probe.kernel import KernelProbe
from ebpftrace.probe.structs import LOSSES
from tests.support.fake_maps import FakeMaps

KEY = ProcessKey(4711, 1)
BLOWN = FuseBlown(1, KEY, 7, FuseScope.PROCESS, 3, 3, 2, 19)


class Family:
    """Processes of which each round of the iterator finds the next generation."""

    def __init__(self, *generations: int) -> None:
        self._left = list(generations)
        self._found = 0
        self.rounds = 0

    def __len__(self) -> int:
        return self._found

    def iterate(self, name: str, iterator: int) -> None:
        assert (name, iterator) == ("adopt", 42)
        self.rounds += 1
        self._found += self._left.pop(0) if self._left else 0

    def drain(self) -> None:
        """The records of the found processes are read."""


class ScriptedFuses:
    """`reported` are the stops that a reading of the map has reported before."""

    def __init__(self) -> None:
        self.reported: list[ProcessKey] = []
        self.forgotten: list[ProcessKey] = []

    def is_new(self, event: FuseBlown) -> bool:
        return event.key not in self.reported

    def forget(self, key: ProcessKey) -> None:
        self.forgotten.append(key)


class OneRecord:
    """Decodes every record as the same event."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def record(self, _data: bytes) -> Event:
        return self._event


class AnyProcesses:
    """Follows every event."""

    def apply(self, event: Event) -> None:
        """Nothing to do."""


def bare(**parts: object) -> KernelProbe:
    probe = object.__new__(KernelProbe)
    for name, part in ({"fuses": None, "_pending": []} | parts).items():
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
    bare(_programs=family, _processes=family)._adopt(42, follow=follow)
    assert family.rounds == rounds


def test_losses_are_named_and_causes_without_one_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = cast(Any, FakeMaps(monkeypatch))
    programs.missed_runs = lambda names: len(names)
    programs.put("losses", 1, struct.pack("=Q", 12), "=I")
    programs.put("losses", 2, struct.pack("=Q", 0), "=I")
    probe = bare(_programs=programs, _handlers=set())
    assert probe.losses() == {LOSSES[1]: 12}
    probe = bare(_programs=programs, _handlers={"on_exec", "on_exit"})
    assert probe.losses() == {"missed_runs": 2, LOSSES[1]: 12}


@pytest.mark.parametrize("reported", [False, True])
def test_stop_is_reported_once(reported: bool) -> None:
    """A reading of the map may be earlier than the record in the ring."""
    fuses = ScriptedFuses()
    fuses.reported = [KEY] if reported else []
    probe = bare(_decoder=OneRecord(BLOWN), _processes=AnyProcesses(), fuses=fuses)
    probe._receive(b"")
    assert probe._pending == ([] if reported else [BLOWN])


@pytest.mark.parametrize("executed", [False, True])
def test_stop_of_a_process_that_ended_is_forgotten(executed: bool) -> None:
    """A process that executed another program may still be stopped."""
    fuses = ScriptedFuses()
    exited = ProcessExited(1, KEY, "gopls", 0, 0, ProcessCounters(), executed)
    probe = bare(_decoder=OneRecord(exited), _processes=AnyProcesses(), fuses=fuses)
    probe._receive(b"")
    assert probe._pending == [exited]
    assert fuses.forgotten == ([] if executed else [KEY])
