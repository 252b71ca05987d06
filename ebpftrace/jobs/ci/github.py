"""GitHub Actions.

GITHUB_RUN_ID stays the same when a run is repeated; GITHUB_RUN_ATTEMPT counts up.
GITHUB_JOB is the job's id in the workflow, the same for all legs of a matrix. The legs
differ in RUNNER_TRACKING_ID, which the runner draws for every job (actions/runner,
JobExtension.cs) and which a step may clear to leave a daemon behind, and in RUNNER_NAME.
No variable names the leg from run to run; a workflow can do that itself, in EBPFTRACE_LEG.
Source: docs.github.com/actions/reference/variables-reference.
"""

from ebpftrace.jobs.ci.run import CiProcess, CiRun, number, run_id, short_name, word


class GitHubActions:
    kind = "github"
    agents = ("Runner.Listener", "Runner.Worker")

    def identify(self, process: CiProcess) -> CiRun | None:
        environ = process.environ
        run = number(environ, "GITHUB_RUN_ID")
        if not run or environ.get("GITHUB_ACTIONS") != "true":
            return None
        attempt = number(environ, "GITHUB_RUN_ATTEMPT") or "1"
        job, runner = environ.get("GITHUB_JOB", 128), environ.get("RUNNER_NAME", 128)
        leg = word(environ, "RUNNER_TRACKING_ID")
        if not leg.startswith("github_"):
            leg = runner
        count = number(environ, "GITHUB_RUN_NUMBER") or run
        project = environ.get("GITHUB_REPOSITORY") or self.kind
        return CiRun(
            kind=self.kind,
            run=run_id(run, attempt, job, leg),
            name=short_name(
                project, count if attempt == "1" else f"{count}.{attempt}", job, runner
            ),
            variable="GITHUB_RUN_ID",
            recurring=run_id(
                environ.get("GITHUB_SERVER_URL"),
                environ.get("GITHUB_REPOSITORY"),
                environ.get("GITHUB_WORKFLOW"),
                job,
                environ.get("RUNNER_ARCH", 32),
                environ.get("EBPFTRACE_LEG", 128),
            ),
        )
