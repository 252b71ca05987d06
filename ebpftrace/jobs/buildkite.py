"""Buildkite.

BUILDKITE_JOB_ID is a UUID; each retry and each parallel leg has its own. The agent's own
variables begin with BUILDKITE_AGENT_ and have no job. Source:
buildkite.com/docs/pipelines/environment-variables.
"""

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.run import CiRun, number, run_id, short_name, word


def identify(environ: Environ) -> CiRun | None:
    job = word(environ, "BUILDKITE_JOB_ID")
    if not job or environ.get("BUILDKITE") != "true":
        return None
    organization = environ.get("BUILDKITE_ORGANIZATION_SLUG")
    pipeline = environ.get("BUILDKITE_PIPELINE_SLUG") or "buildkite"
    label = environ.get("BUILDKITE_STEP_KEY") or environ.get("BUILDKITE_LABEL")
    return CiRun(
        kind="buildkite",
        run=run_id(job),
        name=short_name(
            f"{organization}/{pipeline}" if organization else pipeline,
            number(environ, "BUILDKITE_BUILD_NUMBER"),
            label,
            number(environ, "BUILDKITE_PARALLEL_JOB"),
        ),
        variable="BUILDKITE_JOB_ID",
    )
