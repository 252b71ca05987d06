from ebpftrace.jobs.ci.circleci import CircleCi
from ebpftrace.jobs.ci.run import CiProcess, CiRun
from tests.support.environs import environ

ENVIRON = {
    "CIRCLECI": "true",
    "CIRCLE_BUILD_NUM": "31",
    "CIRCLE_JOB": "test",
    "CIRCLE_PROJECT_REPONAME": "app",
    "CIRCLE_WORKFLOW_JOB_ID": "5d9f-1",
    "CIRCLE_NODE_INDEX": "2",
}


def identify(**changes: str) -> CiRun:
    run = CircleCi().identify(CiProcess("make", environ(ENVIRON, **changes)))
    assert run is not None
    return run


def test_name_shows_the_container_of_a_parallel_job_only() -> None:
    assert identify(CIRCLE_NODE_TOTAL="4").name == "app#31 test (2)"
    assert identify(CIRCLE_NODE_TOTAL="1").name == "app#31 test"


def test_workflow_job_id_identifies_a_job_without_a_build_number() -> None:
    run = identify(CIRCLE_BUILD_NUM="")
    assert run.variable == "CIRCLE_WORKFLOW_JOB_ID"
    assert run.run != identify(CIRCLE_BUILD_NUM="", CIRCLE_WORKFLOW_JOB_ID="5d9f-2").run
