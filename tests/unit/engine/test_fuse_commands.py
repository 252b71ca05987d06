"""What a user may ask for a process that a fuse stopped: in the dashboard, and by `thaw`."""

import pytest

from ebpftrace.act.fuse.events import UserCommand, UserCommandKind
from ebpftrace.events import ProcessKey
from tests.support.fuse_rig import FuseRig, targeted


@pytest.mark.parametrize(
    ("resumed", "calls"),
    [
        pytest.param(0, [("cancel", "thawed by hand")], id="the target: its incident ends"),
        pytest.param(1, [], id="another process: the incident continues"),
    ],
)
def test_user_resumes_a_process(
    rig: FuseRig, keys: list[ProcessKey], resumed: int, calls: list[tuple[str, str]]
) -> None:
    targeted(rig, *keys[:2])
    rig.incidents.execute(UserCommand(UserCommandKind.THAW, keys[resumed]))
    assert rig.breaker.calls == calls
    assert rig.holding.resumed == [keys[resumed]]


def test_user_ends_the_target(rig: FuseRig, keys: list[ProcessKey]) -> None:
    targeted(rig, *keys[:2])
    rig.incidents.execute(UserCommand(UserCommandKind.END, keys[0]))
    assert rig.breaker.calls == [("kill now", keys[0], "killed by hand")]


def test_user_ends_another_process_than_the_target(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    targeted(rig, *keys[:2])
    rig.breaker.next_targets = [frozenset({keys[1]})]
    rig.incidents.execute(UserCommand(UserCommandKind.END, keys[1]))
    assert rig.breaker.calls == [
        ("cancel", f"gopls {keys[1].pid} is killed by hand"),
        ("kill now", keys[1], "killed by hand"),
    ]
    assert rig.breaker.firings[-1].finding.subject.process == keys[1]
    assert rig.breaker.by_hand == [False, True]
    rig.incidents.ended(keys[1])
    rig.snapshot(keys[0])
    assert rig.holding.resumed == [keys[0]]


def test_command_for_a_process_that_is_not_stopped_is_remarked(rig: FuseRig) -> None:
    rig.incidents.execute(UserCommand(UserCommandKind.END, ProcessKey(4711, 1)))
    assert rig.remarks == ["process 4711 is not stopped by a fuse"]
    assert rig.breaker.calls == []


def test_thaw_request_resumes_one_or_all_and_returns_sentences(
    rig: FuseRig, keys: list[ProcessKey]
) -> None:
    targeted(rig, *keys)
    assert rig.incidents.thaw(1) == []
    (sentence,) = rig.incidents.thaw(keys[1].pid)
    assert sentence.startswith(f"gopls {keys[1].pid} was resumed after")
    assert len(rig.incidents.thaw(None)) == 2
    assert rig.holding.resumed == [keys[1], keys[0], keys[2]]
    assert rig.incidents.thaw(None) == []
