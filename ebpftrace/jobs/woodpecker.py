"""Woodpecker.

A pipeline has workflows, numbered so that legs of a matrix differ, and those have steps.
CI is "woodpecker". A restarted pipeline has a new number. Source:
woodpecker-ci.org/docs/usage/environment.
"""

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.run import CiRun, number, run_id, short_name


def identify(environ: Environ) -> CiRun | None:
    pipeline, repository = number(environ, "CI_PIPELINE_NUMBER"), environ.get("CI_REPO")
    if not pipeline or not repository or environ.get("CI") != "woodpecker":
        return None
    workflow = environ.get("CI_WORKFLOW_NAME")
    return CiRun(
        kind="woodpecker",
        run=run_id(
            environ.get("CI_SYSTEM_HOST"),
            repository,
            pipeline,
            number(environ, "CI_WORKFLOW_NUMBER"),
            workflow,
        ),
        name=short_name(repository, pipeline, workflow, environ.get("CI_STEP_NAME")),
        variable="CI_PIPELINE_NUMBER",
    )
