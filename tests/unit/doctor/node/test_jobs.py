"""Limits of jobs, and cgroups that they share."""

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.node.jobs import NodeJob, check_jobs
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import GIB

MACHINE = 8 * GIB


def job(name: str, cgroup_id: int, limit: int | None, *, is_run: bool = True) -> NodeJob:
    key = f"{cgroup_id}:github:{name}" if is_run else name
    identity = JobIdentity(key, name, "github", "a test", f"/ci/{cgroup_id}", cgroup_id)
    return NodeJob(identity, limit)


def check(*jobs: NodeJob) -> list[CheckResult]:
    return list(check_jobs(jobs, MACHINE))


def test_limited_jobs_in_cgroups_of_their_own_are_fine() -> None:
    (only,) = check(job("a", 1, GIB), job("b", 2, GIB))
    assert only.state is CheckState.OK
    assert only.seen == "2 jobs, each with a limit below the machine's 8.0 GiB"
    (none,) = check()
    assert none.state is CheckState.OK


def test_missing_limits_and_too_high_ones_are_named() -> None:
    missing, above = check(job("a", 1, None), job("b", 2, 9 * GIB), job("c", 3, GIB))
    assert missing.state is above.state is CheckState.WARNING
    assert missing.seen == "1 job without a memory limit: a"
    assert above.seen.endswith("8.0 GiB: b")


def test_only_some_of_many_are_named() -> None:
    one, _shared = check(*(job(f"j{number}", 1, None) for number in range(9)))
    assert one.seen == "9 jobs without a memory limit: j0, j1, j2, j3 and 5 more"


def test_runs_that_share_a_cgroup_are_named() -> None:
    fine, shared = check(
        job("a", 1, GIB), job("b", 1, GIB), job("c", 2, GIB), job("d", 1, GIB, is_run=False)
    )
    assert fine.state is CheckState.OK
    assert shared.seen == "2 CI runs share the memory cgroup /ci/1: a, b"


def test_names_are_clean() -> None:
    (one,) = check(job("a\x1b[2J" + "x" * 99, 1, None))
    assert one.seen.isprintable()
