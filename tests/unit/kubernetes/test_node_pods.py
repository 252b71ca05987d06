"""Pods of this node, as the actions find them. tests/fleet asks a real API server."""

import json
import ssl
from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.kubernetes.node_pods import FoundPod, NodePods
from tests.support.api_server import api_server, body

STATIC = "ab" * 16
LIST = {
    "metadata": {"resourceVersion": "5"},
    "items": [
        {"metadata": {"uid": "u1", "namespace": "ci", "name": "build-1"}},
        {"metadata": {"uid": "u2", "namespace": "kube-system", "name": "proxy-n1",
                      "annotations": {"kubernetes.io/config.mirror": STATIC}}},
    ],
}  # fmt: skip


def test_a_pod_is_found_by_its_uid_among_those_of_this_node(tmp_path: Path) -> None:
    heads: list[bytes] = []

    def answer(head: bytes, client: ssl.SSLSocket) -> None:
        heads.append(head)
        client.sendall(body(json.dumps(LIST, separators=(",", ":"))))

    with api_server(tmp_path, answer) as account:
        pods = NodePods(account)
        assert pods.find("u1") == FoundPod("u1", "ci", "build-1")
        with pytest.raises(EbpftraceError, match="is a static pod"):
            pods.find(STATIC)
        with pytest.raises(EbpftraceError, match="node n1 has no pod u3"):
            pods.find("u3")
    assert b"fieldSelector=spec.nodeName%3Dn1&" in heads[0]


def test_outside_a_cluster_or_without_a_node_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "NODE_NAME", "K8S_NODE_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EbpftraceError, match="no service account"):
        NodePods.open()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("EBPFTRACE_SERVICE_ACCOUNT", str(tmp_path))
    (tmp_path / "token").write_text("secret", encoding="ascii")
    with pytest.raises(EbpftraceError, match="NODE_NAME is not set"):
        NodePods.open()
    monkeypatch.setenv("NODE_NAME", "n1")
    assert NodePods.open().node == "n1"
