"""This machine as a watch's environment: what the kernel's probe is constructed with."""

import os
from typing import Any

import pytest

from ebpftrace import heap
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.act.process import survival
from ebpftrace.engine import environment
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.probe import Selection
from ebpftrace.units import GIB

REQUEST = WatchRequest(Selection(comms=("gopls",)), mapping_calls=True)
FUSE = Policy("bursts", Match(), (), Mode.ANY, (), fuse=Fuse(GIB, False))


@pytest.fixture
def constructed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of each probe; none is really loaded."""
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(
        environment, "KernelProbe", lambda selection, **options: made.append(options)
    )
    return made


def test_watch_without_policies_has_neither_marks_nor_fuses(
    constructed: list[dict[str, Any]],
) -> None:
    environment.open_kernel_probe(REQUEST, (7, 8), BreakerResources())
    (options,) = constructed
    assert (options["cgroup_ids"], options["mapping_calls"]) == ((7, 8), True)
    assert (options["watermarks"], options["fuse"]) == (False, None)
    assert options["self_pid"] == os.getpid()


def test_policies_need_marks_and_a_common_fuse_is_the_default(
    constructed: list[dict[str, Any]],
) -> None:
    resources = BreakerResources(PolicyStore(None, (FUSE,)))
    environment.open_kernel_probe(REQUEST, (), resources)
    (options,) = constructed
    assert options["watermarks"]
    assert options["fuse"] == resources.default_fuse
    assert options["hold_stopped"] == resources.hold_stopped


def test_only_failures_to_protect_the_process_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(survival, "lower_oom_score", lambda: "")
    monkeypatch.setattr(survival, "lock_memory", lambda: "mlockall: no")
    monkeypatch.setattr(survival, "freeze_gc", lambda: frozen.append(True))
    assert environment.protect_process() == ["mlockall: no"]
    assert frozen == [True]


@pytest.mark.parametrize(
    ("total", "limit", "processes"),
    [
        (GIB, None, 8192),
        (4 * GIB, None, 8192),
        (12 * GIB, None, 16_384),
        (24 * GIB, None, 16_384),
        (48 * GIB, None, 65_536),
        (64 * GIB, None, 65_536),
        (64 * GIB, GIB, 8192),
        (64 * GIB, 6 * GIB, 8192),
        (64 * GIB, 48 * GIB, 65_536),
    ],
)
def test_there_is_room_for_as_many_processes_as_memory_allows(
    total: int, limit: int | None, processes: int
) -> None:
    bound = environment.own_bound(limit or 1 << 62, lambda: (total, 0))
    assert heap.processes_within(bound) == processes


@pytest.mark.parametrize("error", [FileNotFoundError, KeyError])
def test_there_is_the_usual_room_where_memory_is_not_known(error: type[Exception]) -> None:
    def read() -> tuple[int, int]:
        raise error

    assert environment.own_bound(GIB, read) == heap.DEFAULT_LEAST_BYTES


def test_tables_have_room_for_what_fits_below_the_bound_that_is_given(
    constructed: list[dict[str, Any]],
) -> None:
    request = REQUEST._replace(max_memory_bytes=heap.LEAST_BYTES)
    environment.open_kernel_probe(request, (), BreakerResources())
    (options,) = constructed
    assert options["processes"] == 64
