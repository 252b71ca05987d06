"""Which CI run a pod is of, by the labels and annotations that its runner gave it.

They are words of the pod's creator: shown to people, and no part of any identity or budget.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ebpftrace.jobs.identity import NO_ORIGIN, RunOrigin
from ebpftrace.text import clean

Texts = Mapping[str, object]

_WIDTH, _URL_WIDTH = 128, 512
_URL = re.compile(r"https?://[^\s/]+/\S*")


class PodRun(NamedTuple):
    """The CI run of a pod, cleaned. `runner` is the runner, or set of runners, that made it."""

    origin: RunOrigin = NO_ORIGIN
    runner: str = ""


NO_RUN = PodRun()


def find_run(labels: Texts, annotations: Texts) -> PodRun:
    """By the first system that knows the pod as its own."""
    both = {**labels, **annotations}

    def get(name: str) -> str:
        value = both.get(name)
        return clean(value, _WIDTH) if isinstance(value, str) else ""

    def url(*names: str) -> str:
        values = (both.get(name) for name in names)
        found = (clean(one, _URL_WIDTH) for one in values if isinstance(one, str))
        return next((one for one in found if _URL.fullmatch(one)), "")

    for marks, read in _SYSTEMS:
        if any(mark in both for mark in marks):
            return read(get, url)
    return NO_RUN


_Get = Callable[[str], str]
_Url = Callable[..., str]


def _gitlab(get: _Get, url: _Url) -> PodRun:
    """docs.gitlab.com/runner/executors/kubernetes: default labels and annotations."""
    page = url("job.runner.gitlab.com/url")
    project, found, _ = page.partition("/-/jobs/")
    parts = (get("project.runner.gitlab.com/namespace"), get("project.runner.gitlab.com/name"))
    repository = project.split("/", 3)[-1] if found else "/".join(filter(None, parts))
    origin = RunOrigin(repository, "", get("job.runner.gitlab.com/name"), page)
    return PodRun(origin, get("manager.runner.gitlab.com/name"))


def _github(get: _Get, url: _Url) -> PodRun:
    """actions/actions-runner-controller: the runner's labels; those of the pod that a job with
    a container gets name the runner's pod (actions/runner-container-hooks)."""
    owner = get("actions.github.com/organization") or get("actions.github.com/enterprise")
    repository = "/".join(filter(None, (owner, get("actions.github.com/repository"))))
    runner = get("runner-pod") or get("actions.github.com/scale-set-name")
    return PodRun(RunOrigin(repository), runner or get("runner-deployment-name"))


def _tekton(get: _Get, _url: _Url) -> PodRun:
    """tektoncd/pipeline, docs/labels.md."""
    workflow = get("tekton.dev/pipeline") or get("tekton.dev/pipelineRun")
    tasks = ("tekton.dev/pipelineTask", "tekton.dev/task", "tekton.dev/taskRun")
    return PodRun(RunOrigin("", workflow, next(filter(None, map(get, tasks)), "")))


def _jenkins(get: _Get, url: _Url) -> PodRun:
    """jenkinsci/kubernetes-plugin: runUrl is "job/FOLDER/job/NAME/NUMBER/"."""
    parts = get("runUrl").strip("/").split("/")
    workflow = "/".join(parts[1:-1:2]) if parts[0] == "job" else ""
    return PodRun(RunOrigin("", workflow, "", url("buildUrl")), get("jenkins/label"))


def _buildkite(get: _Get, url: _Url) -> PodRun:
    """buildkite/agent-stack-k8s, internal/controller/config."""
    page = url("buildkite.com/job-url", "buildkite.com/build-url")
    repository, workflow = get("buildkite.com/build-repo"), get("buildkite.com/pipeline-slug")
    return PodRun(RunOrigin(repository, workflow, get("buildkite.com/job-uuid"), page))


_SYSTEMS: tuple[tuple[tuple[str, ...], Callable[[_Get, _Url], PodRun]], ...] = (
    (("job.runner.gitlab.com/id", "project.runner.gitlab.com/id"), _gitlab),
    (("actions.github.com/scale-set-name", "runner-pod", "runner-deployment-name"), _github),
    (("tekton.dev/taskRun", "tekton.dev/pipelineRun"), _tekton),
    (("kubernetes.jenkins.io/controller", "jenkins/label"), _jenkins),
    (("buildkite.com/job-uuid",), _buildkite),
)
"""The labels by which a system knows its pods, and what reads them."""
