"""CI services, fully described by their variables: rows of the table in table.py."""

from ebpftrace.jobs.ci.variables import (
    CiVariables,
    before,
    number,
    text,
    uuid,
    word,
)

SERVICES: tuple[CiVariables, ...] = (
    # A pipeline has steps, one container each. A step that is run again has the same UUID.
    # Source: support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets.
    CiVariables(
        kind="bitbucket",
        marker="BITBUCKET_PIPELINE_UUID",
        other_markers=("BITBUCKET_COMMIT", "BITBUCKET_STEP_UUID", "BITBUCKET_REPO_FULL_NAME"),
        marker_value="",
        build=number("BITBUCKET_BUILD_NUMBER"),
        run=(
            text("BITBUCKET_REPO_FULL_NAME") | text("BITBUCKET_GIT_HTTP_ORIGIN"),
            number("BITBUCKET_BUILD_NUMBER"),
            text("BITBUCKET_PIPELINE_UUID"),
            text("BITBUCKET_STEP_UUID"),
            number("BITBUCKET_STEP_RUN_NUMBER"),
            number("BITBUCKET_PARALLEL_STEP"),
        ),
        owner=text("BITBUCKET_WORKSPACE"),
        project=text("BITBUCKET_REPO_SLUG") | text("BITBUCKET_REPO_FULL_NAME"),
        detail=number("BITBUCKET_PARALLEL_STEP"),
        recurring=(
            text("BITBUCKET_WORKSPACE"),
            text("BITBUCKET_REPO_SLUG"),
            number("BITBUCKET_PARALLEL_STEP"),
        ),
        agents=("bitbucket-runner",),
    ),
    # TRAVIS_JOB_ID is unique within a server; TRAVIS_JOB_NUMBER is "BUILD.LEG". Source:
    # docs.travis-ci.com/user/environment-variables.
    CiVariables(
        kind="travis",
        marker="TRAVIS",
        build=number("TRAVIS_JOB_ID") | number("TRAVIS_BUILD_ID"),
        run=(
            number("TRAVIS_JOB_ID"),
            number("TRAVIS_BUILD_ID"),
            text("TRAVIS_JOB_WEB_URL"),
            text("TRAVIS_REPO_SLUG"),
        ),
        project=text("TRAVIS_REPO_SLUG"),
        count=word("TRAVIS_JOB_NUMBER") | number("TRAVIS_BUILD_NUMBER"),
        job=text("TRAVIS_JOB_NAME"),
        agents=("travis-worker",),
        url=text("TRAVIS_JOB_WEB_URL"),
    ),
    # APPVEYOR_JOB_ID is random; each leg of a matrix has its own. Source:
    # appveyor.com/docs/environment-variables.
    CiVariables(
        kind="appveyor",
        marker="APPVEYOR",
        build=word("APPVEYOR_JOB_ID") | number("APPVEYOR_BUILD_ID"),
        run=(word("APPVEYOR_JOB_ID"), number("APPVEYOR_BUILD_ID"), text("APPVEYOR_URL")),
        owner=text("APPVEYOR_ACCOUNT_NAME"),
        project=text("APPVEYOR_PROJECT_SLUG")
        | text("APPVEYOR_PROJECT_NAME")
        | text("APPVEYOR_REPO_NAME"),
        count=number("APPVEYOR_BUILD_NUMBER"),
        job=text("APPVEYOR_JOB_NAME"),
        detail=number("APPVEYOR_JOB_NUMBER"),
        agents=("appveyor-build-agent",),
    ),
    # SEMAPHORE_JOB_ID is a UUID. Source:
    # docs.semaphoreci.com/reference/env-vars.
    CiVariables(
        kind="semaphore",
        marker="SEMAPHORE",
        build=word("SEMAPHORE_JOB_ID") | word("SEMAPHORE_PIPELINE_ID"),
        run=(
            word("SEMAPHORE_JOB_ID"),
            word("SEMAPHORE_PIPELINE_ID"),
            text("SEMAPHORE_ORGANIZATION_URL"),
        ),
        project=text("SEMAPHORE_PROJECT_NAME"),
        count=number("SEMAPHORE_WORKFLOW_NUMBER"),
        job=text("SEMAPHORE_JOB_NAME"),
        recurring=(
            text("SEMAPHORE_ORGANIZATION_URL"),
            text("SEMAPHORE_PROJECT_NAME"),
            text("SEMAPHORE_JOB_NAME"),
        ),
        agents=("semaphore-agent",),
    ),
    # CODEBUILD_BUILD_ID is "PROJECT:UUID", with the account and region in the ARN. Source:
    # docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html.
    CiVariables(
        kind="codebuild",
        marker="CODEBUILD_BUILD_ARN",
        other_markers=("CODEBUILD_BUILD_NUMBER", "CODEBUILD_SRC_DIR"),
        marker_value="",
        build=text("CODEBUILD_BUILD_ID"),
        run=(text("CODEBUILD_BUILD_ID"), text("CODEBUILD_BUILD_ARN")),
        project=before(":", "CODEBUILD_BUILD_ID"),
        count=number("CODEBUILD_BUILD_NUMBER"),
        job=text("CODEBUILD_BATCH_BUILD_IDENTIFIER"),
        agents=("codebuild-agent",),
        url=text("CODEBUILD_BUILD_URL"),
    ),
    # A step has BUILDER_OUTPUT; the substitutions reach its environment only with
    # `automapSubstitutions`, or one by one in `env`. Source:
    # cloud.google.com/build/docs/configuring-builds/substitute-variable-values.
    CiVariables(
        kind="cloudbuild",
        marker="PROJECT_ID",
        other_markers=("BUILDER_OUTPUT",),
        marker_value="",
        build=uuid("BUILD_ID"),
        run=(text("PROJECT_ID"), text("LOCATION"), uuid("BUILD_ID")),
        owner=text("PROJECT_ID"),
        project=text("REPO_NAME") | text("REPO_FULL_NAME"),
        count=before("-", "BUILD_ID"),
        job=text("TRIGGER_NAME"),
        agents=("cloud-build-local",),
    ),
    # CIRRUS_TASK_ID is unique; a task that is run again has another. Source:
    # cirrus-ci.org/guide/writing-tasks/#environment-variables.
    CiVariables(
        kind="cirrus",
        marker="CIRRUS_CI",
        build=number("CIRRUS_TASK_ID"),
        project=text("CIRRUS_REPO_FULL_NAME"),
        job=text("CIRRUS_TASK_NAME"),
        agents=("cirrus",),
    ),
)
