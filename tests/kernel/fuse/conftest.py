"""A fuse for processes named COMM, and such a process with memory to run away in."""

from collections.abc import Iterator

import pytest

from tests.support.fuses import COMM, fused
from tests.support.observer import Observer
from tests.support.workload import Workload


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    with fused() as observer:
        yield observer


@pytest.fixture
def workload() -> Iterator[Workload]:
    with Workload(COMM) as workload:
        workload.do("map 100MiB")
        yield workload
