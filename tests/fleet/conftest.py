"""One control plane for all tests of a session, and what an agent has there."""

import time
from collections.abc import Iterator
from itertools import count

import pytest

from ebpftrace.kubernetes.client import ApiClient, ApiError
from tests.fleet.control_plane import ControlPlane
from tests.support.patience import patient

RULES = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch", "delete", "patch"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
]
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver; skips where they were not built."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as running:
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        running.create(f"{rbac}/clusterroles", metadata={"name": "agent"}, rules=RULES)
        running.create(
            f"{rbac}/clusterrolebindings",
            metadata={"name": "agent"},
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                     "name": "agent"},
            subjects=[{"kind": "ServiceAccount", "namespace": "agents", "name": "agent"}],
        )  # fmt: skip
        running.namespace("agents")
        for name in ("agent", "powerless"):
            running.create("/api/v1/namespaces/agents/serviceaccounts", metadata={"name": name})
        _wait_until_in_force(running)
        yield running


def _wait_until_in_force(plane: ControlPlane) -> None:
    """The API server has rights from a cache, some time after it took them."""
    agent = ApiClient(plane.account("agent", plane.token("agents", "agent")))
    end = time.monotonic() + patient(60.0)
    while True:
        try:
            agent.call("GET", "/api/v1/pods?limit=1")
        except ApiError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    """A new one."""
    return plane.namespace(f"ci-{next(_NUMBERS)}")
