"""GitHub Actions, and Gitea and Forgejo, whose runners set the same variables.

GITHUB_RUN_ID stays the same when a run is repeated; GITHUB_RUN_ATTEMPT counts up.
GITHUB_JOB is the job's id in the workflow, the same for all legs of a matrix. The legs
differ in RUNNER_TRACKING_ID, which the runner draws for every job (actions/runner,
JobExtension.cs) and which a step may clear to leave a daemon behind, and in RUNNER_NAME.
No variable names the leg from run to run; a workflow can do that itself, in EBPFTRACE_LEG.
Source: docs.github.com/actions/reference/variables-reference.

nektos/act, on which the runners of Gitea and Forgejo are built, sets GITHUB_RUN_ID to 1 and
neither a tracking id nor a runner's name. There server, repository and workflow distinguish
the runs, and RUNNER_TEMP and GITHUB_WORKSPACE the legs: on the host, act makes a folder for
each. Source: nektos/act, pkg/runner/run_context.go; docs.gitea.com/usage/actions;
forgejo.org/docs/latest/user/actions/reference.
"""

from typing import NamedTuple

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.ci.run import CiProcess, CiRun, number, run_id, short_name, word
from ebpftrace.jobs.identity import RunOrigin


class GitHubActions(NamedTuple):
    """A server with GitHub's variables.

    `marker` is "true" in every job, and none of `other_markers` is. Where a variable
    GITHUB_X is not set, `own_prefix` + X is read. `agents` are the programs that start jobs.
    """

    kind: str = "github"
    marker: str = "GITHUB_ACTIONS"
    own_prefix: str = "GITHUB_"
    agents: tuple[str, ...] = ("Runner.Listener", "Runner.Worker")
    other_markers: tuple[str, ...] = ("GITEA_ACTIONS", "FORGEJO_ACTIONS")

    def identify(self, process: CiProcess) -> CiRun | None:
        environ = process.environ
        if not _is_true(environ, self.marker):
            return None
        if any(_is_true(environ, marker) for marker in self.other_markers):
            return None
        variable = self._variable(environ, "RUN_ID")
        run = number(environ, variable)
        if not run:
            return None
        attempt = number(environ, self._variable(environ, "RUN_ATTEMPT")) or "1"
        job = environ.get(self._variable(environ, "JOB"), 128)
        runner = environ.get("RUNNER_NAME", 128)
        count = number(environ, self._variable(environ, "RUN_NUMBER")) or run
        project = environ.get(self._variable(environ, "REPOSITORY"))
        server = environ.get(self._variable(environ, "SERVER_URL"))
        workflow = environ.get(self._variable(environ, "WORKFLOW"))
        return CiRun(
            kind=self.kind,
            run=run_id(
                run, attempt, job, self._leg(environ, runner), server, project, workflow, count
            ),
            name=short_name(
                project or self.kind,
                count if attempt == "1" else f"{count}.{attempt}",
                job,
                runner,
            ),
            variable=variable,
            recurring=run_id(
                server,
                project,
                workflow,
                job,
                environ.get("RUNNER_ARCH", 32),
                environ.get("EBPFTRACE_LEG", 128),
            ),
            origin=RunOrigin(
                project,
                workflow,
                job,
                f"{server}/{project}/actions/runs/{run}" if server and project else "",
            ),
        )

    def _variable(self, environ: Environ, name: str) -> str:
        return f"{'GITHUB_' if f'GITHUB_{name}' in environ else self.own_prefix}{name}"

    def _leg(self, environ: Environ, runner: str) -> str:
        """What differs between jobs that run at the same time, and not between steps."""
        tracking_id = word(environ, "RUNNER_TRACKING_ID")
        if tracking_id.startswith("github_"):
            return tracking_id
        workspace = environ.get(self._variable(environ, "WORKSPACE"), 1024)
        return run_id(runner, environ.get("RUNNER_TEMP", 1024), workspace)


def _is_true(environ: Environ, name: str) -> bool:
    return environ.get(name).lower() == "true"


GITHUB = GitHubActions()
GITEA = GitHubActions(
    kind="gitea",
    marker="GITEA_ACTIONS",
    own_prefix="GITEA_",
    agents=("act_runner", "gitea-runner"),
    other_markers=("FORGEJO_ACTIONS",),
)
# Forgejo's runner sets GITEA_ACTIONS as well, for workflows that were written for Gitea.
FORGEJO = GitHubActions(
    kind="forgejo",
    marker="FORGEJO_ACTIONS",
    own_prefix="FORGEJO_",
    agents=("forgejo-runner",),
    other_markers=(),
)
