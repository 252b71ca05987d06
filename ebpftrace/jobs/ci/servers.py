"""CI servers with agents on the node, fully described by their variables: rows of table.py."""

from ebpftrace.jobs.ci.variables import WITHOUT, CiVariables, number, text, word

SERVERS: tuple[CiVariables, ...] = (
    # A build's number is any text. The agent writes each build's properties to a file of its
    # own. Source: jetbrains.com/help/teamcity/predefined-build-parameters.html.
    CiVariables(
        kind="teamcity",
        marker="TEAMCITY_VERSION",
        marker_value="",
        build=text("BUILD_NUMBER"),
        run=(
            text("BUILD_URL"),
            text("TEAMCITY_PROJECT_NAME"),
            text("TEAMCITY_BUILDCONF_NAME"),
            text("BUILD_NUMBER"),
            text("TEAMCITY_BUILD_PROPERTIES_FILE"),
        ),
        project=text("TEAMCITY_PROJECT_NAME"),
        job=text("TEAMCITY_BUILDCONF_NAME"),
        agents=("run-agent.sh",),
        url=text("BUILD_URL"),
    ),
    # Only the steps that get and put resources have these; a task has none. BUILD_ID is
    # unique within the server. Source:
    # concourse-ci.org/implementing-resource-types.html#resource-metadata.
    CiVariables(
        kind="concourse",
        marker="BUILD_TEAM_NAME",
        other_markers=("ATC_EXTERNAL_URL", "BUILD_JOB_NAME"),
        marker_value="",
        build=number("BUILD_ID"),
        run=(text("ATC_EXTERNAL_URL"), number("BUILD_ID")),
        owner=text("BUILD_TEAM_NAME"),
        project=text("BUILD_PIPELINE_NAME"),
        count=text("BUILD_NAME"),
        job=text("BUILD_JOB_NAME"),
        agents=("concourse",),
        recurring=(
            text("ATC_EXTERNAL_URL"),
            text("BUILD_TEAM_NAME"),
            text("BUILD_PIPELINE_NAME"),
            text("BUILD_JOB_NAME"),
        ),
    ),
    # A stage that is run again has another GO_STAGE_COUNTER. Source:
    # docs.gocd.org/current/faq/dev_use_current_revision_in_build.html.
    CiVariables(
        kind="gocd",
        marker="GO_SERVER_URL",
        other_markers=("GO_STAGE_NAME", "GO_JOB_NAME"),
        marker_value="",
        build=number("GO_PIPELINE_COUNTER"),
        run=(
            text("GO_SERVER_URL"),
            text("GO_PIPELINE_NAME"),
            number("GO_PIPELINE_COUNTER"),
            text("GO_STAGE_NAME"),
            number("GO_STAGE_COUNTER"),
            text("GO_JOB_NAME"),
            number("GO_JOB_RUN_INDEX"),
        ),
        project=text("GO_PIPELINE_NAME"),
        job=text("GO_JOB_NAME"),
        detail=text("GO_STAGE_NAME"),
        recurring=(
            text("GO_SERVER_URL"),
            text("GO_PIPELINE_NAME"),
            text("GO_STAGE_NAME"),
            text("GO_JOB_NAME"),
        ),
        agents=("go-agent",),
    ),
    # A plan has jobs; bamboo_buildResultKey is PROJECT-PLAN-JOB-NUMBER. Source:
    # confluence.atlassian.com/bamboo/bamboo-variables-289277087.html.
    CiVariables(
        kind="bamboo",
        marker="bamboo_buildResultKey",
        marker_value="",
        build=number("bamboo_buildNumber"),
        run=(text("bamboo_resultsUrl"), text("bamboo_buildResultKey")),
        project=text("bamboo_planName") | text("bamboo_planKey"),
        job=text("bamboo_shortJobName"),
        agents=("bamboo-agent.sh",),
        url=text("bamboo_buildResultsUrl"),
    ),
    # A run has a pod, and PROW_JOB_ID is its UUID. Source:
    # docs.prow.k8s.io/docs/jobs/#job-environment-variables.
    CiVariables(
        kind="prow",
        marker="JOB_TYPE",
        other_markers=("JOB_NAME", "BUILD_ID"),
        marker_value="",
        build=word("PROW_JOB_ID"),
        run=(word("PROW_JOB_ID"), word("BUILD_ID")),
        owner=text("REPO_OWNER"),
        project=text("REPO_NAME"),
        count=number("PULL_NUMBER") | WITHOUT,
        job=text("JOB_NAME"),
        agents=("prow-controller-manager",),
    ),
)
