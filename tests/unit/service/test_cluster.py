"""What a service publishes of the Kubernetes API, in health and in metrics."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from ebpftrace.jobs.identity import RunOrigin
from ebpftrace.kubernetes.account import ServiceAccount
from ebpftrace.kubernetes.ci_labels import PodRun
from ebpftrace.kubernetes.pod import Pod, PodContainer
from ebpftrace.kubernetes.status import ApiStatus
from ebpftrace.ledger import JobSnapshot
from ebpftrace.service.cluster import Cluster, ClusterState
from ebpftrace.service.health import Check, checks
from ebpftrace.service.metrics.page import MetricsPage
from ebpftrace.service.state import EndedJob, Published
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches
from tests.support.published import parsed, published

UID, CONTAINER = "0e0b6a9c-1b2c-4d3e-8f90-1234567890ab", "ab" * 32
PATH = f"/kubepods/burstable/pod{UID}/{CONTAINER}"
POD = Pod(
    UID, UID, "ci", "build-1", "n1",
    PodRun(RunOrigin("acme/app", "", "test", "https://gitlab.example/-/jobs/3"), "k8s"),
    (PodContainer("build", (CONTAINER,), 64 << 20, 2, "OOMKilled"),),
)  # fmt: skip
NOW_NS = watches.MONOTONIC_NS


def state(*pods: Pod, api: ApiStatus | None = None) -> ClusterState:
    known = MappingProxyType({pod.cgroup_uid: pod for pod in pods})
    return ClusterState(known, api or ApiStatus(True, NOW_NS))


def in_pod(name: str = "pod 0e0b6a9c") -> JobSnapshot:
    job = watches.job(name, kind="kubernetes")
    return replace(job, identity=job.identity._replace(given_path=PATH))


def page(made: MetricsPage, of: Published) -> dict[str, dict[str, str]]:
    """The labels of the first sample of each family."""
    accept = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text = made.render(of, accept, compress=False, http={})[1].decode()
    found = parsed(text)
    return {name: one.samples[0].labels | {"": str(one.samples[0].value)}
            for name, one in found.items() if one.samples}  # fmt: skip


def check(of: Published, now_ns: int = NOW_NS) -> Check:
    return next(one for one in checks(of, now_ns) if one.name == "kubernetes")


def test_a_job_in_a_pod_has_its_names_and_its_container() -> None:
    found = page(MetricsPage(20_000), published(in_pod(), cluster=state(POD)))
    info = found["ebpftrace_job"]
    assert (info["namespace"], info["pod"], info["container"]) == ("ci", "build-1", "build")
    assert (info["repository"], info["job"], info["runner"]) == ("acme/app", "test", "k8s")
    assert info["url"] == "https://gitlab.example/-/jobs/3"
    assert found["ebpftrace_job_container_restarts"][""] == "2"
    assert found["ebpftrace_job_container_spec_memory_limit_bytes"][""] == str(64 << 20)
    assert found["ebpftrace_job_container_last_terminated"]["reason"] == "OOMKilled"
    assert found["ebpftrace_kubernetes_pods"][""] == "1.0"


def test_what_the_job_says_of_its_run_comes_before_the_pod_s_labels() -> None:
    job = in_pod()
    own = RunOrigin("own/app", "ci", "", "")
    job = replace(job, identity=job.identity._replace(origin=own))
    info = page(MetricsPage(20_000), published(job, cluster=state(POD)))["ebpftrace_job"]
    assert (info["repository"], info["workflow"], info["job"]) == ("own/app", "ci", "test")


def test_a_job_that_has_ended_gets_its_name_when_the_api_answers() -> None:
    job = in_pod()
    ended = MappingProxyType({job.identity.key: EndedJob(job, 0)})
    made = MetricsPage(20_000)
    before = page(made, published(ended=ended, cluster=state()))["ebpftrace_job"]
    assert "pod" not in before
    after = page(made, published(ended=ended, cluster=state(POD)))["ebpftrace_job"]
    assert after["pod"] == "build-1"


def test_a_job_outside_pods_has_no_such_labels() -> None:
    info = page(MetricsPage(20_000), published(watches.job(), cluster=state(POD)))
    assert "pod" not in info["ebpftrace_job"]
    assert "ebpftrace_job_container_restarts" not in info


@pytest.mark.parametrize(("seconds", "ok"), [(59, True), (61, False)])
def test_the_check_fails_after_a_minute_without_the_api(seconds: int, ok: bool) -> None:
    away = ApiStatus(False, NOW_NS - seconds * NS_PER_SECOND, "connection refused")
    found = check(published(cluster=state(POD, api=away)))
    assert found.ok is ok
    assert "connection refused" in found.detail


def test_the_check_says_whether_the_api_is_asked() -> None:
    assert check(published()) == Check("kubernetes", True, "not asked")
    off = published(no_cluster="not asked: NODE_NAME is not set")
    assert check(off).detail == "not asked: NODE_NAME is not set"
    assert check(published(cluster=state(POD))).detail == "pods known: 1"


def test_a_cluster_that_was_never_reached_has_no_pods(tmp_path: Path) -> None:
    cluster = Cluster(ServiceAccount("127.0.0.1", 1, tmp_path, "n1"), 0)
    assert cluster.state().pods == {}
    assert not cluster.state().api.connected
    cluster.stop()
