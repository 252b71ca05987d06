"""Jenkins.

JOB_NAME with BUILD_NUMBER is the build (a matrix leg has its axes in JOB_NAME);
EXECUTOR_NUMBER tells parallel branches of a pipeline on one node apart. BUILD_TAG is
"jenkins-JOB-NUMBER" and says that it is Jenkins, since JENKINS_URL is set only where the
controller was told its own. An agent has JENKINS_URL too, but no build. BUILD_ID is left
alone: people overwrite it ("dontKillMe"). Source: the page /env-vars.html of every Jenkins.
"""

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.run import CiRun, number, run_id, short_name


def identify(environ: Environ) -> CiRun | None:
    build, job = number(environ, "BUILD_NUMBER"), environ.get("JOB_NAME")
    ours = environ.get("BUILD_TAG", 512).startswith("jenkins-") or "JENKINS_URL" in environ
    if not build or not job or not ours:
        return None
    return CiRun(
        kind="jenkins",
        run=run_id(environ.get("JENKINS_URL"), job, build, number(environ, "EXECUTOR_NUMBER")),
        name=short_name(job, build),
        variable="BUILD_NUMBER",
    )
