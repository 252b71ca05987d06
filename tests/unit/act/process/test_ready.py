"""Processes that are identified before their breach: real ones, which may end."""

import os
from pathlib import Path

import pytest

from ebpftrace.act.process.identity import identify
from ebpftrace.act.process.ready import ReadyTargets
from ebpftrace.errors import GoneError
from tests.support.incidents import key_of, sleeping


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_process_is_as_it_was_when_it_was_prepared(tmp_path: Path) -> None:
    ready = ReadyTargets()
    with sleeping(tmp_path) as pid:
        key = key_of(pid)
        assert ready.identify(key, "/ci") == identify(key, "/ci")
        ready.prepare(key, "/ci")
        prepared = ready.identify(key, "/ci")
        assert prepared == identify(key, "/ci")
        assert ready.identify(key, "/ci") is prepared
        assert ready.identify(key, "/other").given_path == "/other"
    ready.clear()


def test_process_that_has_ended_since_is_gone(tmp_path: Path) -> None:
    ready = ReadyTargets()
    with sleeping(tmp_path) as pid:
        key = key_of(pid)
        ready.prepare(key, "")
    with pytest.raises(GoneError):
        ready.identify(key, "")
    ready.clear()


def test_process_that_cannot_be_identified_is_not_prepared() -> None:
    ready, own = ReadyTargets(), key_of(os.getpid())
    before = open_descriptors()
    ready.prepare(own, "")
    assert open_descriptors() == before


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    ready, before = ReadyTargets(), open_descriptors()
    stat = tmp_path / "memory.stat"
    stat.touch()
    with sleeping(tmp_path) as pid:
        for _ in range(2):
            ready.prepare(key_of(pid), "", str(stat))
        assert open_descriptors() == before + 3  # its pidfd, and two files
        ready.clear()
        assert open_descriptors() == before
