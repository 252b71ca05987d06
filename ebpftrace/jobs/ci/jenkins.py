"""Jenkins.

JOB_NAME with BUILD_NUMBER is the build (a matrix leg has its axes in JOB_NAME);
EXECUTOR_NUMBER distinguishes parallel branches of a pipeline on one node. BUILD_TAG is
"jenkins-JOB-NUMBER" and shows that it is Jenkins, since JENKINS_URL is set only where the
controller's own URL is configured. An agent has JENKINS_URL too, but no build. BUILD_ID is
not used: jobs overwrite it ("dontKillMe"). Source: the page /env-vars.html of every Jenkins.
"""

from ebpftrace.jobs.ci.run import CiProcess, CiRun, number, run_id, short_name


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
        return CiRun(
            kind=self.kind,
            run=run_id(environ.get("JENKINS_URL"), job, build, executor),
            name=short_name(job, build),
            variable="BUILD_NUMBER",
            recurring=run_id(environ.get("JENKINS_URL"), job, _labels(process)),
        )


def _labels(process: CiProcess) -> str:
    """The labels of the agent, without its own name, which is among them."""
    labels = process.environ.get("NODE_LABELS").split()
    return " ".join(sorted({*labels} - {process.environ.get("NODE_NAME")}))
