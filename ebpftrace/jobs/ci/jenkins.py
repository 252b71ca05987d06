"""Jenkins.

JOB_NAME with BUILD_NUMBER is the build (a matrix leg has its axes in JOB_NAME);
NODE_NAME and EXECUTOR_NUMBER distinguish parallel branches of a pipeline: two agents on one
machine both begin at executor 0. BUILD_TAG is "jenkins-JOB-NUMBER" and shows that it is
Jenkins, since JENKINS_URL is set only where the controller's own URL is configured; else
JENKINS_HOME, a folder of the controller, distinguishes two controllers. An agent has
JENKINS_URL too, but no build. BUILD_ID is not used: jobs overwrite it ("dontKillMe").
Source: the page /env-vars.html of every Jenkins.
"""

from ebpftrace.jobs.ci.run import CiProcess, CiRun, number, run_id, short_name
from ebpftrace.jobs.identity import RunOrigin


class Jenkins:
    kind = "jenkins"
    agents: tuple[str, ...] = ()  # an agent is "java", as many a job is

    def identify(self, process: CiProcess) -> CiRun | None:
        environ = process.environ
        build, job = number(environ, "BUILD_NUMBER"), environ.get("JOB_NAME")
        tagged = environ.get("BUILD_TAG", 512).startswith("jenkins-")
        if not build or not job or not (tagged or "JENKINS_URL" in environ):
            return None
        executor = number(environ, "EXECUTOR_NUMBER")
        server = environ.get("JENKINS_URL") or environ.get("JENKINS_HOME")
        return CiRun(
            kind=self.kind,
            run=run_id(server, job, build, executor, environ.get("NODE_NAME")),
            name=short_name(job, build),
            variable="BUILD_NUMBER",
            recurring=run_id(server, job, _labels(process)),
            origin=RunOrigin(job=job, url=environ.get("BUILD_URL")),
        )


def _labels(process: CiProcess) -> str:
    """The labels of the agent, without its own name, which is among them."""
    labels = process.environ.get("NODE_LABELS").split()
    return " ".join(sorted({*labels} - {process.environ.get("NODE_NAME")}))
