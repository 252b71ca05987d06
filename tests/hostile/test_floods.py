"""One user floods the kernel with events; the watch still protects another user's job."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import flood, hop
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.records import Watch, job_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

VICTIM = unique_comm()
MOST_RSS_BYTES = 60 << 20


def rename(_group: MemoryCgroup) -> list[str]:
    return ["rename"]


def fork(_group: MemoryCgroup) -> list[str]:
    return ["fork"]


def shells(_group: MemoryCgroup) -> list[str]:
    """No malice: what a busy node does."""
    return ["shells"]


@pytest.mark.parametrize("attack", [rename, fork, hop, shells])
def test_job_is_protected_during_a_flood(
    tmp_path: Path, attack: Callable[[MemoryCgroup], Sequence[str]]
) -> None:
    options = (  # of these cgroups: tests that run at the same time flood as well
        "--comm", VICTIM, "--comm", "flood-*", "--comm", "true", "--interval", "250ms",
        "--level", "64MiB", "--on-breach", "true", "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        memory_cgroup() as flooded,
        Workload(VICTIM, cgroup=group) as victim,
        Watch(*options, "--cgroup", group.name, "--cgroup", flooded.name) as watch,
        flood(flooded, attack(flooded)) as lasts,
    ):
        for _ in range(3):
            snapshot = watch.next_snapshot(SECONDS)
            assert job_of(snapshot, victim.pid)
        victim.do("map 100MiB")
        victim.do("touch 0")
        # The flood's own cgroup may reach the level as well, by the kernel's memory of it.
        watch.wait_for(lambda one: is_step("shell")(one) and one["pid"] == victim.pid, SECONDS)
        snapshot = watch.next_snapshot(SECONDS)
        assert snapshot["self"]["rss_bytes"] < MOST_RSS_BYTES
        assert lasts()
        ended = watch.stop(signal.SIGTERM, patient(15))
        assert lasts()
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.of_type("end")
