"""The CI systems that were added after the first ten, each by a job's variables."""

from dataclasses import dataclass

UUID = "0190046e-e199-453b-a302-a21a4d649d31"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A job's variables, and what is expected of them.

    Another value of one of `distinguishing` is another run; of one of `ignored` it is not.
    Another value of one of `recurring` is another job, not a run of the same.
    With one of `not_a_job` the process belongs to no run of this system.
    """

    environ: dict[str, str]
    name: str
    variable: str
    distinguishing: tuple[str, ...]
    ignored: tuple[str, ...]
    recurring: tuple[str, ...]
    not_a_job: tuple[dict[str, str], ...]
    comm: str = "make"
    args: tuple[str, ...] = ()


NEWER_CASES = {
    "gitea": Case(
        environ={
            "GITHUB_ACTIONS": "true",
            "GITEA_ACTIONS": "true",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_NUMBER": "17",
            "GITHUB_JOB": "test",
            "GITHUB_REPOSITORY": "org/repo",
            "GITHUB_SERVER_URL": "https://git.example.org",
            "GITHUB_WORKFLOW": "ci",
            "GITHUB_WORKSPACE": "/workspace/org/repo",
            "RUNNER_TEMP": "/tmp",
        },
        name="org/repo#17 test",
        variable="GITHUB_RUN_ID",
        distinguishing=(
            "GITHUB_RUN_NUMBER",
            "GITHUB_JOB",
            "GITHUB_REPOSITORY",
            "GITHUB_SERVER_URL",
            "GITHUB_WORKFLOW",
            "GITHUB_WORKSPACE",
            "RUNNER_TEMP",
        ),
        ignored=("RUNNER_OS", "GITHUB_ACTION"),
        recurring=("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_WORKFLOW", "GITHUB_JOB"),
        not_a_job=({"GITEA_ACTIONS": ""}, {"GITHUB_RUN_ID": ""}),
    ),
    "forgejo": Case(
        environ={
            "GITHUB_ACTIONS": "true",
            "GITEA_ACTIONS": "true",
            "FORGEJO_ACTIONS": "true",
            "FORGEJO_RUN_ID": "5",
            "FORGEJO_RUN_NUMBER": "4",
            "FORGEJO_JOB": "lint",
            "FORGEJO_REPOSITORY": "org/repo",
            "FORGEJO_SERVER_URL": "https://code.example.org",
        },
        name="org/repo#4 lint",
        variable="FORGEJO_RUN_ID",
        distinguishing=("FORGEJO_RUN_ID", "FORGEJO_REPOSITORY", "FORGEJO_SERVER_URL"),
        ignored=("RUNNER_OS",),
        recurring=("FORGEJO_SERVER_URL", "FORGEJO_REPOSITORY", "FORGEJO_JOB"),
        not_a_job=({"FORGEJO_ACTIONS": ""}, {"FORGEJO_RUN_ID": "x"}),
    ),
    "bitbucket": Case(
        environ={
            "CI": "true",
            "BITBUCKET_BUILD_NUMBER": "93",
            "BITBUCKET_PIPELINE_UUID": "{1c2f}",
            "BITBUCKET_STEP_UUID": "{8e01}",
            "BITBUCKET_REPO_FULL_NAME": "acme/app",
            "BITBUCKET_REPO_SLUG": "app",
            "BITBUCKET_WORKSPACE": "acme",
            "BITBUCKET_PARALLEL_STEP": "2",
        },
        name="acme/app#93 (2)",
        variable="BITBUCKET_BUILD_NUMBER",
        distinguishing=(
            "BITBUCKET_BUILD_NUMBER",
            "BITBUCKET_STEP_UUID",
            "BITBUCKET_REPO_FULL_NAME",
        ),
        ignored=("BITBUCKET_BRANCH",),
        recurring=("BITBUCKET_WORKSPACE", "BITBUCKET_REPO_SLUG", "BITBUCKET_PARALLEL_STEP"),
        not_a_job=({"BITBUCKET_BUILD_NUMBER": ""}, {"BITBUCKET_BUILD_NUMBER": "x"}),
    ),
    "teamcity": Case(
        environ={
            "TEAMCITY_VERSION": "2024.03 (build 156166)",
            "BUILD_NUMBER": "1.2.345",
            "TEAMCITY_PROJECT_NAME": "App",
            "TEAMCITY_BUILDCONF_NAME": "Unit tests",
            "BUILD_URL": "https://tc.example.org/build/7",
            "TEAMCITY_BUILD_PROPERTIES_FILE": "/opt/agent/temp/build7.properties",
        },
        name="App#1.2.345 Unit tests",
        variable="BUILD_NUMBER",
        distinguishing=(
            "BUILD_NUMBER",
            "TEAMCITY_PROJECT_NAME",
            "TEAMCITY_BUILDCONF_NAME",
            "BUILD_URL",
        ),
        ignored=("BUILD_VCS_NUMBER",),
        recurring=("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME"),
        not_a_job=({"TEAMCITY_VERSION": ""}, {"BUILD_NUMBER": ""}),
    ),
    "travis": Case(
        environ={
            "TRAVIS": "true",
            "TRAVIS_JOB_ID": "5001",
            "TRAVIS_JOB_NUMBER": "42.1",
            "TRAVIS_BUILD_NUMBER": "42",
            "TRAVIS_JOB_NAME": "unit",
            "TRAVIS_REPO_SLUG": "acme/app",
        },
        name="acme/app#42.1 unit",
        variable="TRAVIS_JOB_ID",
        distinguishing=("TRAVIS_JOB_ID", "TRAVIS_REPO_SLUG"),
        ignored=("TRAVIS_BRANCH",),
        recurring=("TRAVIS_REPO_SLUG", "TRAVIS_JOB_NAME"),
        not_a_job=({"TRAVIS": ""}, {"TRAVIS_JOB_ID": ""}),
    ),
    "appveyor": Case(
        environ={
            "APPVEYOR": "True",
            "APPVEYOR_JOB_ID": "jo5b0t6v8uxhcsi7",
            "APPVEYOR_BUILD_NUMBER": "12",
            "APPVEYOR_ACCOUNT_NAME": "acme",
            "APPVEYOR_PROJECT_SLUG": "app",
            "APPVEYOR_URL": "https://ci.appveyor.com",
            "APPVEYOR_JOB_NAME": "Linux",
        },
        name="acme/app#12 Linux",
        variable="APPVEYOR_JOB_ID",
        distinguishing=("APPVEYOR_JOB_ID", "APPVEYOR_URL"),
        ignored=("APPVEYOR_REPO_BRANCH",),
        recurring=("APPVEYOR_ACCOUNT_NAME", "APPVEYOR_PROJECT_SLUG", "APPVEYOR_JOB_NAME"),
        not_a_job=({"APPVEYOR": ""}, {"APPVEYOR_JOB_ID": ""}),
    ),
    "semaphore": Case(
        environ={
            "SEMAPHORE": "true",
            "SEMAPHORE_JOB_ID": UUID,
            "SEMAPHORE_JOB_NAME": "unit",
            "SEMAPHORE_PROJECT_NAME": "app",
            "SEMAPHORE_WORKFLOW_NUMBER": "8",
            "SEMAPHORE_ORGANIZATION_URL": "https://acme.semaphoreci.com",
        },
        name="app#8 unit",
        variable="SEMAPHORE_JOB_ID",
        distinguishing=("SEMAPHORE_JOB_ID", "SEMAPHORE_ORGANIZATION_URL"),
        ignored=("SEMAPHORE_GIT_BRANCH",),
        recurring=(
            "SEMAPHORE_ORGANIZATION_URL",
            "SEMAPHORE_PROJECT_NAME",
            "SEMAPHORE_JOB_NAME",
        ),
        not_a_job=({"SEMAPHORE": ""}, {"SEMAPHORE_JOB_ID": ""}),
    ),
    "codebuild": Case(
        environ={
            "CODEBUILD_BUILD_ID": f"app:{UUID}",
            "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:eu-west-1:1:build/app:{UUID}",
            "CODEBUILD_BUILD_NUMBER": "31",
        },
        name="app#31",
        variable="CODEBUILD_BUILD_ID",
        distinguishing=("CODEBUILD_BUILD_ID", "CODEBUILD_BUILD_ARN"),
        ignored=("CODEBUILD_SRC_DIR",),
        recurring=("CODEBUILD_BATCH_BUILD_IDENTIFIER",),
        not_a_job=({"CODEBUILD_BUILD_ID": ""},),
    ),
    "cloudbuild": Case(
        environ={
            "BUILDER_OUTPUT": "/builder/outputs",
            "BUILD_ID": UUID,
            "PROJECT_ID": "acme-ci",
            "REPO_NAME": "app",
            "TRIGGER_NAME": "unit",
        },
        name="acme-ci/app#0190046e unit",
        variable="BUILD_ID",
        distinguishing=("BUILD_ID", "PROJECT_ID"),
        ignored=("BRANCH_NAME",),
        recurring=("PROJECT_ID", "REPO_NAME", "TRIGGER_NAME"),
        not_a_job=({"BUILD_ID": ""}, {"BUILD_ID": "17"}),
    ),
    "argo": Case(
        environ={
            "ARGO_CONTAINER_NAME": "main",
            "ARGO_WORKFLOW_NAME": "ci-4xk2p",
            "ARGO_WORKFLOW_UID": UUID,
            "ARGO_NODE_ID": "ci-4xk2p-123456",
            "ARGO_POD_NAME": "ci-4xk2p-unit-123456",
        },
        name="ci-4xk2p main",
        variable="ARGO_NODE_ID",
        distinguishing=("ARGO_WORKFLOW_UID", "ARGO_NODE_ID", "ARGO_POD_NAME"),
        ignored=("ARGO_PROGRESS_FILE",),
        recurring=("ARGO_POD_NAME", "ARGO_CONTAINER_NAME"),
        not_a_job=({"ARGO_NODE_ID": "", "ARGO_POD_NAME": ""},),
    ),
    "concourse": Case(
        environ={
            "ATC_EXTERNAL_URL": "https://concourse.example.org",
            "BUILD_ID": "901",
            "BUILD_NAME": "12",
            "BUILD_JOB_NAME": "unit",
            "BUILD_PIPELINE_NAME": "app",
            "BUILD_TEAM_NAME": "main",
        },
        name="main/app#12 unit",
        variable="BUILD_ID",
        distinguishing=("ATC_EXTERNAL_URL", "BUILD_ID"),
        ignored=("BUILD_CREATED_BY",),
        recurring=(
            "ATC_EXTERNAL_URL",
            "BUILD_TEAM_NAME",
            "BUILD_PIPELINE_NAME",
            "BUILD_JOB_NAME",
        ),
        not_a_job=({"BUILD_ID": ""}, {"BUILD_ID": "x"}),
    ),
    "harness": Case(
        environ={
            "HARNESS_ACCOUNT_ID": "AbC1",
            "HARNESS_ORG_ID": "default",
            "HARNESS_PROJECT_ID": "acme",
            "HARNESS_PIPELINE_ID": "app",
            "HARNESS_BUILD_ID": "64",
            "HARNESS_EXECUTION_ID": "x8Kq2",
            "HARNESS_STAGE_ID": "unit",
            "HARNESS_STEP_ID": "run",
        },
        name="acme/app#64 unit (run)",
        variable="HARNESS_BUILD_ID",
        distinguishing=(
            "HARNESS_ACCOUNT_ID",
            "HARNESS_PIPELINE_ID",
            "HARNESS_BUILD_ID",
            "HARNESS_EXECUTION_ID",
            "HARNESS_STAGE_ID",
        ),
        ignored=("HARNESS_STEP_ID",),
        recurring=(
            "HARNESS_ACCOUNT_ID",
            "HARNESS_PROJECT_ID",
            "HARNESS_PIPELINE_ID",
            "HARNESS_STAGE_ID",
        ),
        not_a_job=({"HARNESS_BUILD_ID": "", "HARNESS_EXECUTION_ID": ""},),
    ),
    "cirrus": Case(
        environ={
            "CIRRUS_CI": "true",
            "CIRRUS_TASK_ID": "6245",
            "CIRRUS_REPO_FULL_NAME": "acme/app",
            "CIRRUS_TASK_NAME": "unit",
        },
        name="acme/app#6245 unit",
        variable="CIRRUS_TASK_ID",
        distinguishing=("CIRRUS_TASK_ID",),
        ignored=("CIRRUS_BRANCH",),
        recurring=("CIRRUS_REPO_FULL_NAME", "CIRRUS_TASK_NAME"),
        not_a_job=({"CIRRUS_CI": ""}, {"CIRRUS_TASK_ID": ""}),
    ),
    "gocd": Case(
        environ={
            "GO_SERVER_URL": "https://go.example.org",
            "GO_PIPELINE_NAME": "app",
            "GO_PIPELINE_COUNTER": "7",
            "GO_STAGE_NAME": "test",
            "GO_STAGE_COUNTER": "1",
            "GO_JOB_NAME": "unit",
        },
        name="app#7 unit (test)",
        variable="GO_PIPELINE_COUNTER",
        distinguishing=("GO_SERVER_URL", "GO_PIPELINE_COUNTER", "GO_STAGE_COUNTER"),
        ignored=("GO_TRIGGER_USER",),
        recurring=("GO_SERVER_URL", "GO_PIPELINE_NAME", "GO_STAGE_NAME", "GO_JOB_NAME"),
        not_a_job=({"GO_PIPELINE_COUNTER": ""}, {"GO_PIPELINE_COUNTER": "x"}),
    ),
    "bamboo": Case(
        environ={
            "bamboo_buildResultKey": "ACME-APP-UNIT-12",
            "bamboo_buildNumber": "12",
            "bamboo_planKey": "ACME-APP",
            "bamboo_shortJobName": "unit",
        },
        name="ACME-APP#12 unit",
        variable="bamboo_buildNumber",
        distinguishing=("bamboo_buildResultKey",),
        ignored=("bamboo_agentId",),
        recurring=("bamboo_planKey", "bamboo_shortJobName"),
        not_a_job=({"bamboo_buildNumber": ""}, {"bamboo_buildResultKey": ""}),
    ),
    "prow": Case(
        environ={
            "PROW_JOB_ID": UUID,
            "BUILD_ID": "1790",
            "JOB_NAME": "pull-app-unit",
            "REPO_OWNER": "acme",
            "REPO_NAME": "app",
            "PULL_NUMBER": "5",
        },
        name="acme/app#5 pull-app-unit",
        variable="PROW_JOB_ID",
        distinguishing=("PROW_JOB_ID",),
        ignored=("JOB_TYPE",),
        recurring=("REPO_OWNER", "REPO_NAME", "JOB_NAME"),
        not_a_job=({"PROW_JOB_ID": ""},),
    ),
}
