"""The target of the actions: a workload named gopls in a cgroup of its own."""

from collections.abc import Iterator

import pytest

from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.workload import Workload


@pytest.fixture(scope="module")
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup() as made:
        yield made


@pytest.fixture
def victim(group: MemoryCgroup) -> Iterator[Workload]:
    with Workload("gopls", cgroup=group) as made:
        yield made
