"""Every CI system by a job's variables; what else a system does has a file of its own."""

from typing import Any

import pytest

from ebpftrace.jobs.ci import CI_SYSTEMS
from ebpftrace.jobs.ci.run import CiProcess, CiRun
from tests.support.ci_cases import NEWER_CASES, Case
from tests.support.environs import environ

CASES = {
    "github": Case(
        environ={
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": "9876543210",
            "GITHUB_RUN_NUMBER": "42",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "test",
            "GITHUB_REPOSITORY": "org/repo",
            "RUNNER_NAME": "node-3",
            "RUNNER_TRACKING_ID": "github_1f3d9475-6c94-40ee-a160-8b3fd282c3a1",
        },
        name="org/repo#42 test (node-3)",
        variable="GITHUB_RUN_ID",
        distinguishing=(
            "GITHUB_RUN_ID",
            "GITHUB_RUN_ATTEMPT",
            "GITHUB_JOB",
            "RUNNER_TRACKING_ID",
            "GITHUB_REPOSITORY",
        ),
        ignored=("RUNNER_OS", "GITHUB_ACTION", "RUNNER_TEMP", "GITHUB_WORKSPACE"),
        recurring=("GITHUB_REPOSITORY", "GITHUB_JOB", "EBPFTRACE_LEG"),
        not_a_job=({"GITHUB_ACTIONS": ""}, {"GITHUB_RUN_ID": ""}, {"GITHUB_RUN_ID": "$(id)"}),
    ),
    "gitlab": Case(
        environ={
            "GITLAB_CI": "true",
            "CI_JOB_ID": "1212",
            "CI_PIPELINE_IID": "7",
            "CI_PIPELINE_ID": "555",
            "CI_JOB_NAME": "unit",
            "CI_PROJECT_PATH": "group/project",
            "CI_SERVER_URL": "https://gitlab.example.org",
        },
        name="group/project#7 unit",
        variable="CI_JOB_ID",
        distinguishing=("CI_JOB_ID", "CI_SERVER_URL"),
        ignored=("CI_JOB_STAGE",),
        recurring=("CI_SERVER_URL", "CI_PROJECT_PATH", "CI_JOB_NAME", "CI_RUNNER_TAGS"),
        not_a_job=({"GITLAB_CI": ""}, {"CI_JOB_ID": ""}, {"CI_JOB_ID": "-1"}),
    ),
    "jenkins": Case(
        environ={
            "BUILD_NUMBER": "153",
            "JOB_NAME": "folder/app",
            "BUILD_TAG": "jenkins-folder-app-153",
            "BUILD_ID": "dontKillMe",
            "JENKINS_URL": "http://ci.example/",
            "EXECUTOR_NUMBER": "0",
            "NODE_NAME": "agent-1",
        },
        name="folder/app#153",
        variable="BUILD_NUMBER",
        distinguishing=("BUILD_NUMBER", "EXECUTOR_NUMBER", "NODE_NAME", "JENKINS_URL"),
        ignored=("BUILD_ID", "STAGE_NAME"),
        recurring=("JENKINS_URL", "JOB_NAME", "NODE_LABELS"),
        not_a_job=({"BUILD_NUMBER": ""}, {"JOB_NAME": ""}),
    ),
    "buildkite": Case(
        environ={
            "BUILDKITE": "true",
            "BUILDKITE_JOB_ID": "0190046e-e199-453b-a302-a21a4d649d31",
            "BUILDKITE_BUILD_NUMBER": "88",
            "BUILDKITE_PIPELINE_SLUG": "app",
            "BUILDKITE_ORGANIZATION_SLUG": "acme",
            "BUILDKITE_LABEL": ":go: lint",
            "BUILDKITE_STEP_KEY": "lint",
        },
        name="acme/app#88 lint",
        variable="BUILDKITE_JOB_ID",
        distinguishing=("BUILDKITE_JOB_ID",),
        ignored=("BUILDKITE_AGENT_NAME",),
        recurring=(
            "BUILDKITE_PIPELINE_SLUG",
            "BUILDKITE_STEP_KEY",
            "BUILDKITE_AGENT_META_DATA_QUEUE",
        ),
        not_a_job=({"BUILDKITE": ""}, {"BUILDKITE_JOB_ID": ""}, {"BUILDKITE_JOB_ID": "../x"}),
    ),
    "circleci": Case(
        environ={
            "CIRCLECI": "true",
            "CIRCLE_BUILD_NUM": "31",
            "CIRCLE_JOB": "test",
            "CIRCLE_PROJECT_USERNAME": "acme",
            "CIRCLE_PROJECT_REPONAME": "app",
            "CIRCLE_WORKFLOW_JOB_ID": "5d9f-1",
            "CIRCLE_NODE_INDEX": "2",
            "CIRCLE_NODE_TOTAL": "4",
            "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/app/31",
        },
        name="acme/app#31 test (2)",
        variable="CIRCLE_BUILD_NUM",
        distinguishing=("CIRCLE_BUILD_NUM", "CIRCLE_NODE_INDEX", "CIRCLE_BUILD_URL"),
        ignored=("CIRCLE_BRANCH",),
        recurring=("CIRCLE_PROJECT_REPONAME", "CIRCLE_JOB", "CIRCLE_NODE_INDEX"),
        not_a_job=({"CIRCLECI": ""}, {"CIRCLE_BUILD_NUM": "", "CIRCLE_WORKFLOW_JOB_ID": ""}),
    ),
    "azure": Case(
        environ={
            "TF_BUILD": "True",
            "BUILD_BUILDID": "1001",
            "SYSTEM_JOBID": "9cd7d73b-785a-5059-5c5c-3f86b8afeb34",
            "SYSTEM_JOBATTEMPT": "1",
            "SYSTEM_STAGEATTEMPT": "1",
            "SYSTEM_TEAMPROJECT": "Team",
            "BUILD_DEFINITIONNAME": "app-ci",
            "SYSTEM_JOBDISPLAYNAME": "Test",
        },
        name="Team/app-ci#1001 Test",
        variable="BUILD_BUILDID",
        distinguishing=(
            "BUILD_BUILDID",
            "SYSTEM_JOBID",
            "SYSTEM_JOBATTEMPT",
            "SYSTEM_STAGEATTEMPT",
        ),
        ignored=("AGENT_NAME",),
        recurring=("BUILD_DEFINITIONNAME", "SYSTEM_STAGENAME", "SYSTEM_JOBDISPLAYNAME"),
        not_a_job=({"TF_BUILD": ""}, {"BUILD_BUILDID": ""}),
    ),
    "drone": Case(
        environ={
            "DRONE": "true",
            "DRONE_REPO": "octo/hello",
            "DRONE_BUILD_NUMBER": "42",
            "DRONE_STAGE_NAME": "amd64",
            "DRONE_STAGE_NUMBER": "1",
            "DRONE_STEP_NAME": "build",
            "CI": "true",
        },
        name="octo/hello#42 amd64 (build)",
        variable="DRONE_BUILD_NUMBER",
        distinguishing=("DRONE_BUILD_NUMBER", "DRONE_STAGE_NUMBER"),
        ignored=("DRONE_STEP_NAME",),
        recurring=("DRONE_REPO", "DRONE_STAGE_NAME"),
        not_a_job=({"DRONE": ""}, {"DRONE_REPO": ""}, {"DRONE_BUILD_NUMBER": "x"}),
    ),
    "woodpecker": Case(
        environ={
            "CI": "woodpecker",
            "CI_REPO": "john/repo",
            "CI_PIPELINE_NUMBER": "8",
            "CI_WORKFLOW_NAME": "release",
            "CI_WORKFLOW_NUMBER": "1",
            "CI_STEP_NAME": "build",
        },
        name="john/repo#8 release (build)",
        variable="CI_PIPELINE_NUMBER",
        distinguishing=("CI_PIPELINE_NUMBER", "CI_WORKFLOW_NUMBER"),
        ignored=("CI_STEP_NAME",),
        recurring=("CI_REPO", "CI_WORKFLOW_NAME", "CI_WORKFLOW_NUMBER"),
        not_a_job=({"CI": "true"}, {"CI_REPO": ""}, {"CI_PIPELINE_NUMBER": ""}),
    ),
    "tekton": Case(
        environ={"HOSTNAME": "build-x7k2p-pod"},
        comm="entrypoint",
        args=("/tekton/bin/entrypoint", "-step_metadata_dir", "/tekton/run/1/status", "--"),
        name="build-x7k2p step 1",
        variable="/tekton entrypoint and HOSTNAME",
        distinguishing=("HOSTNAME",),
        ignored=("PATH",),
        recurring=(),
        not_a_job=({"HOSTNAME": ""}, {"HOSTNAME": "../x"}),
    ),
    **NEWER_CASES,
}


def identify(kind: str, **changes: str) -> CiRun | None:
    """The run that the system of this kind finds in its case's variables with `changes`."""
    (system,) = (system for system in CI_SYSTEMS if system.kind == kind)
    return system.identify(process(CASES[kind], **changes))


def process(case: Case, **changes: str) -> CiProcess:
    return CiProcess(case.comm, environ(case.environ, **changes), lambda: case.args)


def each(field: str) -> list[tuple[str, Any]]:
    return [(kind, value) for kind, case in CASES.items() for value in getattr(case, field)]


def test_every_system_has_a_case() -> None:
    assert sorted(system.kind for system in CI_SYSTEMS) == sorted(CASES)


@pytest.mark.parametrize("kind", CASES)
def test_job_is_identified_by_its_own_system_only(kind: str) -> None:
    case = CASES[kind]
    found = [system.identify(process(case)) for system in CI_SYSTEMS]
    (run,) = [run for run in found if run is not None]
    assert (run.kind, run.name, run.variable) == (kind, case.name, case.variable)


@pytest.mark.parametrize(("kind", "name"), each("distinguishing"))
def test_another_value_is_another_run(kind: str, name: str) -> None:
    run, other = identify(kind), identify(kind, **{name: CASES[kind].environ[name][:-1] + "9"})
    assert run is not None
    assert other is not None
    assert run.run != other.run


@pytest.mark.parametrize(("kind", "name"), each("ignored"))
def test_steps_of_one_run_share_its_id(kind: str, name: str) -> None:
    run, other = identify(kind), identify(kind, **{name: "another"})
    assert run is not None
    assert other is not None
    assert run.run == other.run


@pytest.mark.parametrize(("kind", "name"), each("recurring"))
def test_another_value_is_another_job(kind: str, name: str) -> None:
    run, other = identify(kind), identify(kind, **{name: "9"})
    assert run is not None
    assert other is not None
    assert run.recurring != other.recurring


@pytest.mark.parametrize("kind", CASES)
def test_runs_of_a_job_have_the_same_recurring_name(kind: str) -> None:
    case = CASES[kind]
    changes = {name: case.environ[name][:-1] + "9" for name in case.distinguishing
               if name not in (*case.recurring, "HOSTNAME")}  # fmt: skip
    run, other = identify(kind), identify(kind, **changes)
    assert run is not None
    assert other is not None
    assert run.recurring == other.recurring != ""


@pytest.mark.parametrize(("kind", "changes"), each("not_a_job"))
def test_process_without_a_complete_run_is_not_a_job(
    kind: str, changes: dict[str, str]
) -> None:
    assert identify(kind, **changes) is None


@pytest.mark.parametrize(
    "agent",
    [
        {"RUNNER_NAME": "node-3", "RUNNER_OS": "Linux"},
        {"CI_SERVER_URL": "https://gitlab.example"},
        {"BUILDKITE_AGENT_NAME": "a"},
        {"JENKINS_URL": "http://ci.example/", "JENKINS_AGENT_NAME": "a", "JOB_NAME": "x"},
    ],
    ids=lambda agent: next(iter(agent)),
)
def test_environment_of_an_agent_is_not_a_job(agent: dict[str, str]) -> None:
    process = CiProcess("agent", environ(agent))
    assert [system.kind for system in CI_SYSTEMS if system.identify(process)] == []


def test_harness_comes_before_drone_whose_variables_it_sets_as_well() -> None:
    both = environ({**CASES["drone"].environ, **CASES["harness"].environ})
    found = (system.identify(CiProcess("make", both)) for system in CI_SYSTEMS)
    run = next(run for run in found if run is not None)
    assert run.kind == "harness"
