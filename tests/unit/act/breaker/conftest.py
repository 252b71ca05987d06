"""The breaker of the tests of its whole life."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.breaker_rig import BreakerRig, policy
from tests.support.incidents import sleeping


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[BreakerRig]:
    with sleeping(tmp_path) as pid:
        made = BreakerRig(pid, tmp_path / "audit.jsonl", (policy(),))
        yield made
        made.close()


@pytest.fixture
def job(rig: BreakerRig) -> str:
    """The key of the job of every snapshot."""
    return rig.job().identity.key
