"""pod: which pod is ended, and when none is. tests/fleet has it with a real API server."""

from dataclasses import replace

import pytest

from ebpftrace.act.actions import pod
from ebpftrace.act.actions.pod import PodOptions
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process import own_pod
from ebpftrace.units import NS_PER_SECOND
from tests.support.incidents import act

UID = "0e0b6a9c-1b2c-4d3e-8f90-1234567890ab"
PATH = f"/kubepods/burstable/pod{UID}/{'ab' * 32}"


def in_pod(incident: Incident, given: str = PATH) -> Incident:
    return replace(incident, job=incident.job._replace(given_path=given))


def test_a_process_outside_pods_is_skipped(sleeping_job: Incident) -> None:
    ended = act("pod", sleeping_job, PodOptions())
    assert (ended.status, ended.detail) == (StepStatus.SKIPPED, "the process is in no pod")


def test_a_name_that_the_job_gave_its_cgroup_counts_for_nothing(sleeping_job: Incident) -> None:
    target = replace(sleeping_job.target, cgroup=PATH, given_path="/ci/fake")
    ended = act("pod", replace(sleeping_job, target=target), PodOptions())
    assert ended.detail == "the process is in no pod"
    below = f"/ci/fake{PATH}"
    ended = act("pod", in_pod(sleeping_job, below), PodOptions())
    assert ended.detail == "the process is in no pod"


def test_our_own_pod_is_never_ended(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_pod, "memory_cgroup", lambda _pid: PATH)
    ended = act("pod", in_pod(sleeping_job), PodOptions())
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "ebpftrace itself runs in this pod"


def test_outside_a_cluster_the_step_fails(
    sleeping_job: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    ended = act("pod", in_pod(sleeping_job), PodOptions())
    assert ended.status is StepStatus.FAILED
    assert ended.detail.startswith("no service account for the Kubernetes API")


def test_no_pod_is_removed_before_it_has_ended() -> None:
    assert PodOptions(grace_ns=NS_PER_SECOND).grace_ns == NS_PER_SECOND
    with pytest.raises(ValueError, match="shorter than 1 s"):
        PodOptions(grace_ns=0)


def test_what_is_given_to_the_target_comes_first(sleeping_job: Incident) -> None:
    other = PATH.replace("0e0b", "1e0b")
    target = replace(sleeping_job.target, given_path=other)
    about = replace(in_pod(sleeping_job), target=target)
    assert pod.pod_of(about).startswith("1e0b")
