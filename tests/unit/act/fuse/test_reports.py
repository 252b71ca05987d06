"""How many incidents a job's fuses start, and what is said of those that wait."""

import pytest

from ebpftrace.act.fuse.reports import FuseReports
from ebpftrace.units import NS_PER_SECOND
from tests.support.fuse_rig import ScriptedBreaker
from tests.support.scripted_time import ScriptedTime
from tests.support.watches import identity

MINUTE_SECONDS = 60


@pytest.fixture
def time() -> ScriptedTime:
    scripted = ScriptedTime()
    scripted.now_ns = 100 * MINUTE_SECONDS * NS_PER_SECOND
    return scripted


def test_job_has_a_share_of_incidents_and_another_job_has_its_own(time: ScriptedTime) -> None:
    remarks: list[str] = []
    reports = FuseReports(
        ScriptedBreaker(), lambda _: None, remarks.append, lambda: time.now_ns
    )
    job, other = (identity()._replace(cgroup=cgroup) for cgroup in ("/build", "/other"))

    def started() -> int:
        return sum(reports.may_start(job) for _ in range(100))

    assert started() == 48
    assert reports.may_start(other)
    assert len(remarks) == 1
    assert remarks[0].startswith(f"the fuse of {job.name} had its share of incidents")
    time.advance(MINUTE_SECONDS)
    assert started() == 48
    assert len(remarks) == 2
