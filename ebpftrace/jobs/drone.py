"""Drone (and Gitness, which sets the same variables).

A build has stages, one machine or pod each, and those have steps. A restarted build has a
new number. Source: docs.drone.io/pipeline/environment/reference.
"""

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.run import CiRun, number, run_id, short_name


def identify(environ: Environ) -> CiRun | None:
    build, repository = number(environ, "DRONE_BUILD_NUMBER"), environ.get("DRONE_REPO")
    if not build or not repository or environ.get("DRONE") != "true":
        return None
    stage = environ.get("DRONE_STAGE_NAME")
    return CiRun(
        kind="drone",
        run=run_id(
            environ.get("DRONE_SYSTEM_HOST"),
            repository,
            build,
            number(environ, "DRONE_STAGE_NUMBER"),
            stage,
        ),
        name=short_name(repository, build, stage, environ.get("DRONE_STEP_NAME")),
        variable="DRONE_BUILD_NUMBER",
    )
