"""How ebpftrace knows its own pod."""

import pytest

from ebpftrace.act.process import own_pod
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.act.process.own_pod import require_other_pod

OWN, OTHER = "0e0b6a9c-1b2c-4d3e-8f90-1234567890ab", "1e0b6a9c-1b2c-4d3e-8f90-1234567890ab"


def test_our_own_pod_is_known_by_our_cgroup(monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/kubepods/burstable/pod{OWN}/{'ab' * 32}"
    monkeypatch.setattr(own_pod, "memory_cgroup", lambda _pid: path)
    require_other_pod(OTHER, environ={})
    with pytest.raises(RefusedError, match="ebpftrace itself runs in this pod"):
        require_other_pod(OWN, environ={})


@pytest.mark.parametrize(
    ("environ", "namespace", "refused"),
    [
        ({"POD_UID": OTHER}, "", True),
        ({"POD_NAME": "agent-1"}, "agents", True),
        ({"HOSTNAME": "agent-1"}, "agents", True),
        ({"HOSTNAME": "agent-1"}, "ci", False),
        ({"HOSTNAME": "n1"}, "agents", False),
        ({}, "", False),
    ],
)
def test_our_own_pod_is_known_by_what_its_manifest_set(
    environ: dict[str, str], namespace: str, refused: bool
) -> None:
    if not refused:
        require_other_pod(OTHER, namespace, "agent-1", "agents", environ)
        return
    with pytest.raises(RefusedError):
        require_other_pod(OTHER, namespace, "agent-1", "agents", environ)
