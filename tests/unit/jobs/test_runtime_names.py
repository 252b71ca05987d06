import json
from pathlib import Path

import pytest

from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.runtime_names import runtime_name

ID = "0123456789ab" + "cdef" * 13
UID = "0f1e2d3c-aaaa-bbbb-cccc-0123456789ab"
GITLAB = {
    "com.gitlab.gitlab-runner.project.id": "12",
    "com.gitlab.gitlab-runner.job.id": "4711",
}


def job(cgroup: str) -> JobIdentity:
    return JobIdentity("7", "x", "docker", "", cgroup, 7)


def docker(root: Path, content: object) -> str:
    folder = root / f"var/lib/docker/containers/{ID}"
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return runtime_name(job(f"/docker/{ID}"), root)


def pod(root: Path, *folders: str) -> str:
    for name in folders:
        (root / "var/log/pods" / name).mkdir(parents=True)
    return runtime_name(job(f"/kubepods/burstable/pod{UID}/{ID}"), root)


def test_docker_knows_the_image_and_the_labels_of_the_runner(tmp_path: Path) -> None:
    config = {"Config": {"Image": "golang:1.26", "Labels": GITLAB}}
    assert docker(tmp_path, config) == "image golang:1.26, project 12"


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", {}, {"Config": None}, {"Config": {"Image": ""}}),
        {"Config": {"Image": "a", "Labels": 3}},
    ],
)  # fmt: skip
def test_a_malformed_configuration_says_nothing(tmp_path: Path, content: object) -> None:
    assert docker(tmp_path, content) == ""


def test_container_that_a_job_named_after_another_is_not_asked_for(tmp_path: Path) -> None:
    config = {"Config": {"Image": "golang:1.26"}}
    assert docker(tmp_path, config) == "image golang:1.26"
    forged = job(f"/ci/job/docker/{ID}")._replace(given_path="/ci/job")
    assert runtime_name(forged, tmp_path) == ""
    below = job(f"/docker/{ID}/docker/{'f' * 64}")._replace(given_path=f"/docker/{ID}")
    assert runtime_name(below, tmp_path) == "image golang:1.26"


def test_what_docker_has_is_cleaned(tmp_path: Path) -> None:
    assert docker(tmp_path, {"Config": {"Image": "a\x1b[31m"}}) == "image a\\x1b[31m"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (f"ci_runner-x7k2pz9-project-12-concurrent-0-a1b2c3_{UID}",
         "pod ci/runner-*-project-12-concurrent-0-*"),
        (f"ci_lint-run-x7k2p-pod_{UID}", "pod ci/lint-run-*-pod"),
        (f"argo_wf-x7k2p-1234567890_{UID}", "pod argo/wf-*-*"),
    ],
)  # fmt: skip
def test_the_kubelet_knows_namespace_and_name(tmp_path: Path, folder: str, name: str) -> None:
    other = "ci_other_" + UID.replace("0f", "ff")
    assert pod(tmp_path, other, folder) == name


def test_an_unknown_container_says_nothing(tmp_path: Path) -> None:
    assert pod(tmp_path) == ""
    assert runtime_name(job(f"/docker/{ID}"), tmp_path) == ""
    assert runtime_name(job("/ci/build-1"), tmp_path) == ""
    assert runtime_name(job(""), tmp_path) == ""
