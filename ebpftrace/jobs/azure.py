"""Azure Pipelines.

A predefined variable such as System.JobId reaches a process as SYSTEM_JOBID. BUILD_BUILDID
is the run; SYSTEM_JOBID one of its jobs, a matrix leg included; SYSTEM_STAGEATTEMPT and
SYSTEM_JOBATTEMPT count repetitions. Source:
learn.microsoft.com/azure/devops/pipelines/build/variables.
"""

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.run import CiRun, number, run_id, short_name, word


def identify(environ: Environ) -> CiRun | None:
    build = number(environ, "BUILD_BUILDID")
    if not build or environ.get("TF_BUILD").lower() != "true":
        return None
    project = environ.get("SYSTEM_TEAMPROJECT")
    pipeline = environ.get("BUILD_DEFINITIONNAME") or "azure"
    job = environ.get("SYSTEM_JOBDISPLAYNAME") or environ.get("AGENT_JOBNAME")
    return CiRun(
        kind="azure",
        run=run_id(
            environ.get("SYSTEM_COLLECTIONURI"),
            build,
            word(environ, "SYSTEM_JOBID") or job,
            number(environ, "SYSTEM_STAGEATTEMPT"),
            number(environ, "SYSTEM_JOBATTEMPT"),
        ),
        name=short_name(f"{project}/{pipeline}" if project else pipeline, build, job),
        variable="BUILD_BUILDID",
    )
