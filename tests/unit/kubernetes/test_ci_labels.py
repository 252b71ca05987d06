"""What the labels and annotations of CI systems say of a pod's run."""

import pytest

from ebpftrace.jobs.identity import NO_ORIGIN, RunOrigin
from ebpftrace.kubernetes.ci_labels import NO_RUN, PodRun, find_run

CASES: dict[str, tuple[dict[str, object], dict[str, object], PodRun]] = {
    "gitlab": (
        {"project.runner.gitlab.com/id": "1", "manager.runner.gitlab.com/name": "k8s"},
        {"job.runner.gitlab.com/id": "3", "job.runner.gitlab.com/name": "build-job",
         "job.runner.gitlab.com/url": "https://gitlab.example/group/sub/app/-/jobs/3"},
        PodRun(RunOrigin("group/sub/app", "", "build-job",
                         "https://gitlab.example/group/sub/app/-/jobs/3"), "k8s"),
    ),
    "gitlab without annotations": (
        {"project.runner.gitlab.com/id": "1", "project.runner.gitlab.com/namespace": "group",
         "project.runner.gitlab.com/name": "app"},
        {},
        PodRun(RunOrigin("group/app")),
    ),
    "a runner of actions-runner-controller": (
        {"actions.github.com/scale-set-name": "arc", "actions.github.com/organization": "acme",
         "actions.github.com/repository": "app"},
        {},
        PodRun(RunOrigin("acme/app"), "arc"),
    ),
    "its workflow's pod": (
        {"runner-pod": "arc-x7k2p-runner-abc"}, {}, PodRun(NO_ORIGIN, "arc-x7k2p-runner-abc"),
    ),
    "tekton": (
        {"tekton.dev/taskRun": "ci-9x-test", "tekton.dev/pipeline": "ci",
         "tekton.dev/pipelineRun": "ci-9x", "tekton.dev/pipelineTask": "test"},
        {},
        PodRun(RunOrigin("", "ci", "test")),
    ),
    "jenkins": (
        {"kubernetes.jenkins.io/controller": "http___jenkins", "jenkins/label": "maven"},
        {"buildUrl": "http://jenkins.example/job/team/job/app/12/",
         "runUrl": "job/team/job/app/12/"},
        PodRun(RunOrigin("", "team/app", "", "http://jenkins.example/job/team/job/app/12/"),
               "maven"),
    ),
    "buildkite": (
        {"buildkite.com/job-uuid": "018f"},
        {"buildkite.com/build-url": "https://buildkite.example/acme/app/builds/7",
         "buildkite.com/job-url": "https://buildkite.example/acme/app/builds/7#018f",
         "buildkite.com/pipeline-slug": "app"},
        PodRun(RunOrigin("", "app", "018f",
                         "https://buildkite.example/acme/app/builds/7#018f")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_run_of_a_pod(case: str) -> None:
    labels, annotations, expected = CASES[case]
    assert find_run(labels, annotations) == expected


def test_a_pod_of_no_ci_system_has_no_run() -> None:
    assert find_run({"app": "web", "buildUrl": "http://x/y"}, {}) == NO_RUN


def test_hostile_words_are_one_printable_line_and_no_other_kind_of_url() -> None:
    found = find_run(
        {"job.runner.gitlab.com/id": "1"},
        {"job.runner.gitlab.com/name": "a\x1b[2J\nb" + "c" * 4096,
         "job.runner.gitlab.com/url": "javascript:alert(1)//x/-/jobs/1"},
    )  # fmt: skip
    assert found.origin.job.isprintable()
    assert len(found.origin.job) <= 128
    assert found.origin.url == ""
    nested: dict[str, object] = {"job.runner.gitlab.com/name": {"a": 1}}
    assert find_run({"job.runner.gitlab.com/id": "1"}, nested) == NO_RUN
