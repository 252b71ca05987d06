"""One user floods the kernel with events; the watch still protects another user's job."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import flood, hop
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

POLICIES = """
[[policy]]
name = "flood"
match.comm = ["flood-*", "true"]
when = [{ detector = "level", bound = "64MiB" }]
then = [{ action = "notify" }]
"""


def rename(_group: MemoryCgroup) -> list[str]:
    return ["rename"]


def rename_all(_group: MemoryCgroup) -> list[str]:
    """A hundred processes, of which each may report some renames."""
    return ["renames", "100"]


def fork(_group: MemoryCgroup) -> list[str]:
    return ["fork"]


def shells(_group: MemoryCgroup) -> list[str]:
    """No malice: what a busy node does."""
    return ["shells"]


def ooms(group: MemoryCgroup) -> list[str]:
    """Children without end that the OOM killer kills.

    Each leaves some kernel memory charged: with less of a limit the flood ends too early.
    """
    group.limit(32 << 20)
    return ["ooms", "1000000"]


@pytest.mark.parametrize("attack", [rename, rename_all, fork, hop, shells, ooms])
def test_job_is_protected_during_a_flood(
    tmp_path: Path, attack: Callable[[MemoryCgroup], Sequence[str]]
) -> None:
    options = ("--comm", "flood-*", "--comm", "true", "--interval", "250ms")
    with (
        memory_cgroup() as flooded,  # of these alone: tests that run at once flood as well
        protected_watch(tmp_path, *options, policies=POLICIES, scope=[flooded]) as protection,
    ):
        protection.begin()
        with flood(flooded, attack(flooded)) as lasts:
            for _ in range(3):
                protection.watch.next_snapshot(SECONDS)
            protection.works()
            assert lasts()
            protection.ends()
            assert lasts()
