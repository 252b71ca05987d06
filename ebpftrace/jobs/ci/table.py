"""CI systems that are fully described by their variables, a row each."""

from ebpftrace.jobs.ci.variables import CiVariables, number, text, word

BY_VARIABLES: tuple[CiVariables, ...] = (
    # CI_JOB_ID is unique across the instance: each retry and each leg of a matrix has its own.
    # The runner's own environment has CI_SERVER_URL at most. Source:
    # docs.gitlab.com/ci/variables/predefined_variables.
    CiVariables(
        kind="gitlab",
        marker="GITLAB_CI",
        build=number("CI_JOB_ID"),
        project=text("CI_PROJECT_PATH"),
        count=number("CI_PIPELINE_IID") | number("CI_PIPELINE_ID") | number("CI_JOB_ID"),
        job=text("CI_JOB_NAME"),
        recurring=(
            text("CI_SERVER_URL"),
            text("CI_PROJECT_PATH"),
            text("CI_JOB_NAME"),
            text("CI_RUNNER_TAGS"),
        ),
        agents=("gitlab-runner",),
    ),
    # BUILDKITE_JOB_ID is a UUID; each retry and each parallel leg has its own. The agent's own
    # variables begin with BUILDKITE_AGENT_ and have no job. Source:
    # buildkite.com/docs/pipelines/environment-variables.
    CiVariables(
        kind="buildkite",
        marker="BUILDKITE",
        build=word("BUILDKITE_JOB_ID"),
        owner=text("BUILDKITE_ORGANIZATION_SLUG"),
        project=text("BUILDKITE_PIPELINE_SLUG"),
        count=number("BUILDKITE_BUILD_NUMBER"),
        job=text("BUILDKITE_STEP_KEY") | text("BUILDKITE_LABEL"),
        detail=number("BUILDKITE_PARALLEL_JOB"),
        recurring=(
            text("BUILDKITE_ORGANIZATION_SLUG"),
            text("BUILDKITE_PIPELINE_SLUG"),
            text("BUILDKITE_STEP_KEY") | text("BUILDKITE_LABEL"),
            number("BUILDKITE_PARALLEL_JOB"),
            text("BUILDKITE_AGENT_META_DATA_QUEUE"),
        ),
        agents=("buildkite-agent",),
    ),
    # A predefined variable such as System.JobId reaches a process as SYSTEM_JOBID.
    # BUILD_BUILDID is the run; SYSTEM_JOBID one of its jobs, a matrix leg included;
    # SYSTEM_STAGEATTEMPT and SYSTEM_JOBATTEMPT count repetitions. Source:
    # learn.microsoft.com/azure/devops/pipelines/build/variables.
    CiVariables(
        kind="azure",
        marker="TF_BUILD",
        build=number("BUILD_BUILDID"),
        run=(
            text("SYSTEM_COLLECTIONURI"),
            number("BUILD_BUILDID"),
            word("SYSTEM_JOBID") | text("SYSTEM_JOBDISPLAYNAME") | text("AGENT_JOBNAME"),
            number("SYSTEM_STAGEATTEMPT"),
            number("SYSTEM_JOBATTEMPT"),
        ),
        owner=text("SYSTEM_TEAMPROJECT"),
        project=text("BUILD_DEFINITIONNAME"),
        job=text("SYSTEM_JOBDISPLAYNAME") | text("AGENT_JOBNAME"),
        recurring=(
            text("SYSTEM_COLLECTIONURI"),
            text("SYSTEM_TEAMPROJECT"),
            text("BUILD_DEFINITIONNAME"),
            text("SYSTEM_STAGENAME"),
            text("SYSTEM_JOBDISPLAYNAME") | text("AGENT_JOBNAME"),
        ),
        agents=("Agent.Listener", "Agent.Worker"),
    ),
    # Drone, and Gitness, which sets the same variables. A build has stages, one machine or pod
    # each, and those have steps. A restarted build has a new number. Source:
    # docs.drone.io/pipeline/environment/reference.
    CiVariables(
        kind="drone",
        marker="DRONE",
        build=number("DRONE_BUILD_NUMBER"),
        run=(
            text("DRONE_SYSTEM_HOST"),
            text("DRONE_REPO"),
            number("DRONE_BUILD_NUMBER"),
            number("DRONE_STAGE_NUMBER"),
            text("DRONE_STAGE_NAME"),
        ),
        project=text("DRONE_REPO"),
        project_required=True,
        job=text("DRONE_STAGE_NAME"),
        detail=text("DRONE_STEP_NAME"),
        recurring=(text("DRONE_SYSTEM_HOST"), text("DRONE_REPO"), text("DRONE_STAGE_NAME")),
        agents=("drone-runner-docker", "drone-runner-exec", "drone-runner-kube"),
    ),
    # A pipeline has workflows, numbered so that legs of a matrix differ, and those have steps.
    # A restarted pipeline has a new number. Source: woodpecker-ci.org/docs/usage/environment.
    CiVariables(
        kind="woodpecker",
        marker="CI",
        marker_value="woodpecker",
        build=number("CI_PIPELINE_NUMBER"),
        run=(
            text("CI_SYSTEM_HOST"),
            text("CI_REPO"),
            number("CI_PIPELINE_NUMBER"),
            number("CI_WORKFLOW_NUMBER"),
            text("CI_WORKFLOW_NAME"),
        ),
        project=text("CI_REPO"),
        project_required=True,
        job=text("CI_WORKFLOW_NAME"),
        detail=text("CI_STEP_NAME"),
        recurring=(
            text("CI_SYSTEM_HOST"),
            text("CI_REPO"),
            text("CI_WORKFLOW_NAME"),
            number("CI_WORKFLOW_NUMBER"),
        ),
        agents=("woodpecker-agent",),
    ),
)
