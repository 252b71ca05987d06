"""The order in which the kernel closes a dying process's descriptors is found by trying."""

import subprocess
from typing import Any

import pytest

from ebpftrace.act.fuse.holding import closing_order
from ebpftrace.act.fuse.holding.closing_order import highest_is_closed_first


def test_order_is_the_one_since_linux_4_4() -> None:
    assert highest_is_closed_first()


def test_other_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the process closes the lowest first."""

    def run_with(_fds: list[int], pairs: list[Any]) -> None:
        for _, theirs in pairs:
            theirs.close()

    monkeypatch.setattr(closing_order, "_run_with", run_with)
    assert not highest_is_closed_first()


def test_common_order_is_assumed_where_nothing_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert highest_is_closed_first()
