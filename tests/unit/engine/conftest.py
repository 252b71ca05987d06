"""What every test of the engine may rely on."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.engine.watch import watch
from ebpftrace.events import ProcessKey
from ebpftrace.host import bounded
from ebpftrace.host.bounded import BoundedReader
from tests.support.blocking import BlockingGuard
from tests.support.fuse_rig import FuseRig
from tests.support.incidents import key_of, sleeping


@pytest.fixture(autouse=True)
def hang_up_is_not_ignored() -> Iterator[None]:
    """Also where the tests run under nohup, which a watch respects."""
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, old)


@pytest.fixture
def rig() -> FuseRig:
    return FuseRig()


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[list[ProcessKey]]:
    """Three processes that sleep."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in "abc"]
        for folder in folders:
            folder.mkdir()
        yield [key_of(stack.enter_context(sleeping(folder))) for folder in folders]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessKey]:
    with sleeping(tmp_path) as pid:
        yield key_of(pid)


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sockets and the like of a watch are; this machine's is left alone."""
    folder = tmp_path / "run"
    monkeypatch.setenv("EBPFTRACE_RUN_DIR", str(folder))
    return folder


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> BlockingGuard:
    """Watches each watch from its start to its end.

    A read of /proc that a busy machine delays is waited for, and does not count: one that
    hangs counts for a minute.
    """
    made = BlockingGuard(tmp_path)
    monkeypatch.setenv("EBPFTRACE_RUN_DIR", str(tmp_path / "run"))
    for reader in ("_READER", "_FILE_READER"):
        monkeypatch.setattr(bounded, reader, BoundedReader(patience_seconds=60))

    def guarded(*args: Any) -> None:
        made.rest()
        with made.watching():
            watch(*args)

    monkeypatch.setattr("tests.support.scripted_watch.watch", guarded)
    return made
