"""One user makes the watch keep as much as it can of each process; another job is protected.

The quotas of the tables have to keep the user out before the watch's memory reaches its bound,
from which on no process of any job is watched any more.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ebpftrace.heap import processes_within
from tests.support.acting import SECONDS
from tests.support.build import pretend_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.delegation import delegated, pids_below, remove_below
from tests.support.process_state import until
from tests.support.protection import protected_watch
from tests.support.records import Record

pytestmark = pytest.mark.kernel

BOUND = 128 << 20
PROCESSES = processes_within(BOUND) * 5 // 4
OPTIONS = ("--comm", "exe", "--interval", "500ms", "--max-memory", str(BOUND))


@contextmanager
def pretending(group: MemoryCgroup, how: str) -> Iterator[None]:
    """Processes of a user that each say they are another CI run."""
    begin = delegated(group)
    arguments = [str(group.path)] if how == "long" else []
    process = subprocess.Popen(
        begin.inside([pretend_binary(), how, *arguments, str(PROCESSES)]),
        start_new_session=True,
    )
    try:
        until(lambda: len(pids_below(group.path)) > PROCESSES)
        yield
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        remove_below(group)


@pytest.mark.parametrize("is_first", [False, True], ids=["later", "before the watch"])
@pytest.mark.parametrize("how", ["live", "long"])
def test_quotas_keep_a_flood_out_before_the_memory_of_the_watch_is_taken(
    tmp_path: Path, how: str, is_first: bool
) -> None:
    """Also with names as long as can be, each in a cgroup whose path is as long as can be."""
    with ExitStack() as stack:
        group = stack.enter_context(memory_cgroup())
        watch = protected_watch(tmp_path, *OPTIONS, scope=[group])
        if is_first:
            stack.enter_context(pretending(group, how))
        protection = stack.enter_context(watch)
        if not is_first:
            stack.enter_context(pretending(group, how))
        finding = protection.watch.wait_for(is_quota, SECONDS)
        assert finding["job"]["cgroup"].startswith(group.name)
        for _ in range(4):
            protection.watch.next_snapshot(SECONDS)
        ended = protection.verify(rss_bytes=BOUND)
    (end,) = ended.of_type("end")
    assert end["losses"]["processes_full"] > 0
    assert "memory" not in end["losses"]


def is_quota(record: Record) -> bool:
    return bool(record["type"] == "finding" and record["detector"] == "quota:processes")
