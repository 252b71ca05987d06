"""The service account of a pod, and its token, which is replaced."""

from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.kubernetes.account import find_account


def environ(folder: Path, **more: str) -> dict[str, str]:
    return {
        "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443",
        "EBPFTRACE_SERVICE_ACCOUNT": str(folder), **more,
    }  # fmt: skip


def test_an_account_is_found_where_it_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    found = find_account(environ(tmp_path, NODE_NAME="n1"))
    assert found is not None
    assert (found.host, found.port, found.node) == ("10.0.0.1", 6443, "n1")
    assert found.token() == "one"
    (tmp_path / "token").write_text("two")
    assert found.token() == "two"
    assert found.namespace() == ""
    (tmp_path / "namespace").write_text("agents")
    assert found.namespace() == "agents"


def test_outside_a_cluster_there_is_none(tmp_path: Path) -> None:
    assert find_account(environ(tmp_path)) is None  # no token
    (tmp_path / "token").write_text("one")
    assert find_account(environ(tmp_path, KUBERNETES_SERVICE_HOST="")) is None
    assert find_account(environ(tmp_path, KUBERNETES_SERVICE_PORT="tcp://x")) is None
    assert find_account(environ(tmp_path)) is not None


@pytest.mark.parametrize("token", [b"", b"one two", b"one\r\nHost: x", b"\xff"])
def test_what_is_no_token_is_not_sent(tmp_path: Path, token: bytes) -> None:
    (tmp_path / "token").write_bytes(token)
    found = find_account(environ(tmp_path))
    assert found is not None
    with pytest.raises(EbpftraceError, match="no token in"):
        found.token()
