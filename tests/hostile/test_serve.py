"""One user's cgroups, each with a job, and the metrics of another user's job."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.build import flood_binary, named
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.floods import flood
from tests.support.names import unique_comm
from tests.support.serving import Serve
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

SPILLER, OTHER = unique_comm(), unique_comm()
CGROUPS, MOST_SERIES = 60, 500  # each job has some twenty


def spilling(group: MemoryCgroup, folder: Path) -> AbstractContextManager[object]:
    """Processes of one user, each in another cgroup, hold 8 MiB each."""
    program = named(flood_binary(), SPILLER, folder)
    return flood(group, ["spill", str(group.path), str(CGROUPS)], program)


def test_a_user_s_jobs_take_no_series_of_a_smaller_job_in_another_cgroup(
    tmp_path: Path,
) -> None:
    """Only the largest have series where there are too many."""
    options = ("--comm", SPILLER, "--comm", OTHER, "--max-series", str(MOST_SERIES))
    with (
        memory_cgroup() as spilled,
        memory_cgroup() as group,
        Serve(*options, "--no-history") as served,
        Workload(OTHER, cgroup=group),
        spilling(spilled, tmp_path),
    ):
        served.until(lambda: (served.value("ebpftrace_jobs_left_out") or 0) > CGROUPS // 2)
        found = served.metrics()
        names = {one.labels["job_name"] for one in found["ebpftrace_job_running"].samples}
        assert group.name.strip("/") in names
