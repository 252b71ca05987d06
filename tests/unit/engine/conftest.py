"""What every test of the engine may rely on."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ebpftrace.events import ProcessKey
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
