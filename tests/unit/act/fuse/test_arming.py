"""What the kernel side is told of bounds, and what is left out; the kernel side is noted."""

import signal
from dataclasses import dataclass, field

import pytest

from ebpftrace.act.fuse.arming import Arming
from ebpftrace.act.fuse.bounds import EXEMPT, Bounds
from ebpftrace.events import FuseScope, ProcessKey
from ebpftrace.units import GIB, NS_PER_SECOND

STOP = int(signal.SIGSTOP)
GROUP = 4242
KEY = ProcessKey(4711, 100)
BOUNDS = Bounds({GROUP: (GIB, STOP)}, {KEY: (0, 0, STOP)}, frozenset({"build-42"}))


@dataclass
class Noted:
    """The kernel side: what was asked of it, in order."""

    calls: list[tuple[object, ...]] = field(default_factory=list)

    def arm_process(self, key: ProcessKey, own: int, charge: int, number: int) -> None:
        self.calls.append((key.pid, own, charge, number))

    def arm_group(self, cgroup_id: int, held: int, number: int) -> None:
        self.calls.append(("group", cgroup_id, held, number))

    def clear_stop(self, key: ProcessKey) -> None:
        raise AssertionError("bounds wake nobody")

    def taken(self) -> list[tuple[object, ...]]:
        taken, self.calls = self.calls, []
        return taken


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def arming(noted: Noted) -> Arming:
    return Arming(noted)


def test_only_what_changed_is_armed(arming: Arming, noted: Noted) -> None:
    arming.arm(BOUNDS, 0)
    assert noted.taken() == [(KEY.pid, 0, 0, STOP), ("group", GROUP, GIB, STOP)]
    assert arming.unlimited == {"build-42"}
    arming.arm(BOUNDS, 0)
    assert noted.taken() == []
    arming.arm(Bounds({GROUP: (2 * GIB, STOP)}, BOUNDS.processes), 0)
    assert noted.taken() == [("group", GROUP, 2 * GIB, STOP)]
    arming.arm(Bounds({}, {KEY: (0, 0, EXEMPT)}), 0)
    assert noted.taken() == [(KEY.pid, 0, 0, EXEMPT), ("group", GROUP, 0, 0)]


def test_another_program_is_armed_anew(arming: Arming, noted: Noted) -> None:
    """A new mm: it has only the kernel's default."""
    arming.arm(BOUNDS, 0)
    noted.taken()
    arming.executed(KEY)
    arming.executed(ProcessKey(1, 1))  # nobody's
    arming.arm(BOUNDS, 0)
    assert noted.taken() == [(KEY.pid, 0, 0, STOP)]


@pytest.mark.parametrize(
    ("place", "scope", "call"),
    [
        (GROUP, FuseScope.JOB, ("group", GROUP, GIB, STOP)),
        (KEY, FuseScope.PROCESS, (KEY.pid, GIB, 0, STOP)),
        (KEY, FuseScope.CHARGE, (KEY.pid, 0, GIB, STOP)),
    ],
)
def test_one_bound_is_put_at_once(
    arming: Arming,
    noted: Noted,
    place: int | ProcessKey,
    scope: FuseScope,
    call: tuple[object, ...],
) -> None:
    arming.put(place, scope, GIB, STOP)
    assert noted.taken() == [call]


def test_no_bound_comes_down_while_memory_is_given_back(arming: Arming, noted: Noted) -> None:
    arming.arm(BOUNDS, 0)
    noted.taken()
    arming.freeing(GROUP, NS_PER_SECOND)
    lower = Bounds({GROUP: (GIB // 2, STOP)}, BOUNDS.processes)
    higher = Bounds({GROUP: (2 * GIB, STOP)}, BOUNDS.processes)
    arming.arm(lower, 2 * NS_PER_SECOND)
    assert noted.taken() == []
    arming.arm(higher, 3 * NS_PER_SECOND)
    assert noted.taken() == [("group", GROUP, 2 * GIB, STOP)]
    arming.arm(lower, 4 * NS_PER_SECOND)
    assert noted.taken() == [("group", GROUP, GIB // 2, STOP)]


def test_disarmed_no_bound_is_left(arming: Arming, noted: Noted) -> None:
    arming.arm(BOUNDS, 0)
    noted.taken()
    arming.disarm()
    assert noted.taken() == [(KEY.pid, 0, 0, EXEMPT), ("group", GROUP, 0, 0)]
    arming.disarm()
    assert noted.taken() == []
