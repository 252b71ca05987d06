"""GitLab CI.

CI_JOB_ID is unique across the instance: each retry and each leg of a matrix has its own.
The runner's own environment has CI_SERVER_URL at most. Source:
docs.gitlab.com/ci/variables/predefined_variables.
"""

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.run import CiRun, number, run_id, short_name


def identify(environ: Environ) -> CiRun | None:
    job = number(environ, "CI_JOB_ID")
    if not job or environ.get("GITLAB_CI") != "true":
        return None
    pipeline = number(environ, "CI_PIPELINE_IID") or number(environ, "CI_PIPELINE_ID")
    project = environ.get("CI_PROJECT_PATH") or "gitlab"
    return CiRun(
        kind="gitlab",
        run=run_id(job),
        name=short_name(project, pipeline or job, environ.get("CI_JOB_NAME")),
        variable="CI_JOB_ID",
    )
