"""CircleCI.

CIRCLE_WORKFLOW_JOB_ID is the job's UUID, CIRCLE_BUILD_NUM its number within the project (a
rerun has another); CIRCLE_NODE_INDEX distinguishes parallel containers of one job.
CIRCLE_BUILD_URL has the server's address: self-hosted, there are several. Source:
circleci.com/docs/reference/variables.
"""

from ebpftrace.jobs.ci.run import CiProcess, CiRun, number, run_id, short_name, word
from ebpftrace.jobs.identity import RunOrigin


class CircleCi:
    kind = "circleci"
    agents = ("circleci-runner",)

    def identify(self, process: CiProcess) -> CiRun | None:
        environ = process.environ
        build = number(environ, "CIRCLE_BUILD_NUM")
        unique = word(environ, "CIRCLE_WORKFLOW_JOB_ID")
        if environ.get("CIRCLECI") != "true" or not (build or unique):
            return None
        owner = environ.get("CIRCLE_PROJECT_USERNAME")
        project = environ.get("CIRCLE_PROJECT_REPONAME") or self.kind
        node = number(environ, "CIRCLE_NODE_INDEX")
        parallel = number(environ, "CIRCLE_NODE_TOTAL") not in ("", "1")
        return CiRun(
            kind=self.kind,
            run=run_id(owner, project, build, unique, node, environ.get("CIRCLE_BUILD_URL")),
            name=short_name(
                f"{owner}/{project}" if owner else project,
                build,
                environ.get("CIRCLE_JOB"),
                node if parallel else "",
            ),
            variable="CIRCLE_BUILD_NUM" if build else "CIRCLE_WORKFLOW_JOB_ID",
            recurring=run_id(owner, project, environ.get("CIRCLE_JOB"), node),
            origin=RunOrigin(
                f"{owner}/{project}" if owner else project,
                job=environ.get("CIRCLE_JOB"),
                url=environ.get("CIRCLE_BUILD_URL"),
            ),
        )
