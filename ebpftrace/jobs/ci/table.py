"""CI systems that are fully described by their variables, a row each.

More of them are in servers.py, and those that bring their own machines in services.py.
"""

from ebpftrace.jobs.ci.servers import SERVERS
from ebpftrace.jobs.ci.services import SERVICES
from ebpftrace.jobs.ci.variables import WITHOUT, CiVariables, number, stable, text, word

BY_VARIABLES: tuple[CiVariables, ...] = (
    # CI_JOB_ID is unique across the instance: each retry and each leg of a matrix has its own.
    # Runners of two instances may share a machine. The runner's own environment has
    # CI_SERVER_URL at most. Source:
    # docs.gitlab.com/ci/variables/predefined_variables.
    CiVariables(
        kind="gitlab",
        marker="GITLAB_CI",
        build=number("CI_JOB_ID"),
        run=(number("CI_JOB_ID"), text("CI_SERVER_URL") | text("CI_SERVER_HOST")),
        project=text("CI_PROJECT_PATH"),
        count=number("CI_PIPELINE_IID") | number("CI_PIPELINE_ID") | number("CI_JOB_ID"),
        job=text("CI_JOB_NAME"),
        recurring=(
            text("CI_SERVER_URL") | text("CI_SERVER_HOST"),
            text("CI_PROJECT_PATH"),
            text("CI_JOB_NAME"),
            text("CI_RUNNER_TAGS"),
        ),
        agents=("gitlab-runner",),
        url=text("CI_JOB_URL"),
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
        url=text("BUILDKITE_BUILD_URL"),
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
    # Harness sets Drone's variables as well, and comes first. A pipeline has stages, one
    # machine or pod each, and those have steps. Source:
    # developer.harness.io/docs/continuous-integration/troubleshoot-ci/ci-env-var.
    CiVariables(
        kind="harness",
        marker="HARNESS_ACCOUNT_ID",
        other_markers=("HARNESS_PROJECT_ID", "HARNESS_STAGE_ID"),
        marker_value="",
        build=word("HARNESS_BUILD_ID") | word("HARNESS_EXECUTION_ID"),
        run=(
            text("HARNESS_ACCOUNT_ID"),
            text("HARNESS_ORG_ID"),
            text("HARNESS_PROJECT_ID"),
            text("HARNESS_PIPELINE_ID"),
            word("HARNESS_BUILD_ID"),
            word("HARNESS_EXECUTION_ID"),
            text("HARNESS_STAGE_ID"),
            number("HARNESS_STAGE_INDEX"),
        ),
        owner=text("HARNESS_PROJECT_ID"),
        project=text("HARNESS_PIPELINE_ID"),
        job=text("HARNESS_STAGE_ID"),
        detail=text("HARNESS_STEP_ID"),
        agents=("harness-docker-runner",),
        recurring=(
            text("HARNESS_ACCOUNT_ID"),
            text("HARNESS_PROJECT_ID"),
            text("HARNESS_PIPELINE_ID"),
            text("HARNESS_STAGE_ID"),
            number("HARNESS_STAGE_INDEX"),
        ),
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
        url=text("DRONE_BUILD_LINK"),
    ),
    # A pipeline has workflows, numbered so that legs of a matrix differ, and those have steps.
    # A restarted pipeline has a new number. Source: woodpecker-ci.org/docs/usage/environment.
    CiVariables(
        kind="woodpecker",
        marker="CI",
        marker_value="woodpecker",
        build=number("CI_PIPELINE_NUMBER"),
        run=(
            text("CI_SYSTEM_HOST") | text("CI_SYSTEM_URL"),
            text("CI_FORGE_URL"),
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
        url=text("CI_PIPELINE_URL"),
    ),
    *SERVERS,
    *SERVICES,
    # A workflow has nodes, each a pod; a retry is another node. Any other CI system that names
    # a run is more specific, so this one comes last. Source: argoproj/argo-workflows,
    # workflow/common/common.go and workflow/controller/workflowpod.go.
    CiVariables(
        kind="argo",
        marker="ARGO_CONTAINER_NAME",
        other_markers=("ARGO_POD_NAME", "ARGO_WORKFLOW_UID"),
        marker_value="",
        build=word("ARGO_NODE_ID") | word("ARGO_POD_NAME") | word("ARGO_POD_UID"),
        run=(
            word("ARGO_WORKFLOW_UID") | word("ARGO_WORKFLOW_NAME"),
            word("ARGO_NODE_ID"),
            word("ARGO_POD_NAME"),
            word("ARGO_POD_UID"),
        ),
        project=text("ARGO_WORKFLOW_NAME") | text("ARGO_NODE_ID") | text("ARGO_POD_NAME"),
        count=WITHOUT,
        job=text("ARGO_CONTAINER_NAME"),
        recurring=(
            stable("ARGO_POD_NAME") | stable("ARGO_NODE_ID"),
            text("ARGO_CONTAINER_NAME"),
        ),
        agents=("workflow-controller",),
    ),
)
