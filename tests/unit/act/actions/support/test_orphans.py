"""Which descendants end with the target."""

from dataclasses import replace
from typing import Literal

import pytest

from ebpftrace.act.actions.support import orphans
from ebpftrace.act.actions.support.orphans import orphans_of
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc
from tests.support.incidents import incident

COMMS = {10: "go", 11: "compile", 12: "helper", 13: "go"}


def target(pid: int, cgroup: str = "/ci/build-42") -> Target:
    return Target(ProcessKey(pid, pid), cgroup, (0, 0))


@pytest.fixture(autouse=True)
def descendants(monkeypatch: pytest.MonkeyPatch) -> None:
    """`go`, `compile` and `helper` in the target's cgroup, and a `go` in another one."""
    found = (target(10), target(11), target(12), target(13, "/other"))
    monkeypatch.setattr(orphans, "descendants_of", lambda *_keys: found)
    monkeypatch.setattr(proc, "read_comm", COMMS.get)


@pytest.mark.parametrize(
    ("which", "pids"), [("go", [10, 11]), ("all", [10, 11, 12]), ("none", [])]
)
def test_descendants_of_the_targets_cgroup_are_selected(
    which: Literal["go", "all", "none"], pids: list[int]
) -> None:
    assert [orphan.key.pid for orphan in orphans_of(incident(target(9)), which)] == pids


def test_names_of_the_incident_are_selected_always() -> None:
    about = replace(incident(target(9)), descendant_names=frozenset({"helper"}))
    assert [orphan.key.pid for orphan in orphans_of(about, "none")] == [12]


def test_target_is_no_orphan_of_another_target() -> None:
    about = replace(incident(target(9)), other_targets=(target(10),))
    assert [orphan.key.pid for orphan in orphans_of(about, "go")] == [11]
