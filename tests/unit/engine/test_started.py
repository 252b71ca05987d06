"""What the views are given as a watch begins, on machines of several kinds."""

from pathlib import Path

import pytest

from ebpftrace import __version__
from ebpftrace.engine import started
from ebpftrace.engine.request import WatchRequest
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.ledger.clock import Clock
from ebpftrace.probe import Selection
from ebpftrace.views.start import Started
from tests.support.scripted_probe import ScriptedProbe

V1, V2 = MemoryHierarchy("v1", Path("/v1")), MemoryHierarchy("v2", Path("/v2"))


def describe(hierarchy: MemoryHierarchy = V1) -> Started:
    return started.describe_start(
        WatchRequest(Selection(comms=("go*",)), interval_ns=250),
        ScriptedProbe(),
        hierarchy,
        now_ns=1000,
        calendar=Clock(1_000_000, 0),
    )


def machine(monkeypatch: pytest.MonkeyPatch, *, host: bool = True, psi: bool = True) -> None:
    monkeypatch.setattr(started, "in_initial_pid_namespace", lambda: host)
    monkeypatch.setattr(started, "kernel_has_pressure", lambda: psi)


def test_request_and_times_are_passed_on() -> None:
    made = describe()
    assert (made.time_ns, made.monotonic_ns, made.interval_ns) == (1_001_000, 1000, 250)
    assert (made.watching, made.version) == ("comm 'go*'", __version__)


def test_features_and_remarks_of_the_probe_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    made = describe()
    assert [name for name, _ in made.features] == ["memory", "stalls"]
    assert made.remarks == ("nothing here is real",)


@pytest.mark.parametrize(
    ("hierarchy", "psi", "stalls"),
    [
        (V2, True, "at once, by PSI triggers"),
        (V2, False, "with each snapshot"),
        (V1, True, "with each snapshot"),
    ],
)
def test_stalls_are_reported_at_once_where_the_kernel_can(
    monkeypatch: pytest.MonkeyPatch, hierarchy: MemoryHierarchy, psi: bool, stalls: str
) -> None:
    machine(monkeypatch, psi=psi)
    made = describe(hierarchy)
    assert (made.cgroups, dict(made.features)["stalls"]) == (hierarchy.version, stalls)


def test_other_pid_namespace_is_remarked_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(monkeypatch, host=False)
    assert "run it with --pid=host" in describe().remarks[-1]
