"""An incident, from the leak to the archive that an administrator fetches."""

import base64
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support import cli
from tests.support.acting import policy
from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.respawn import COMM
from tests.support.serving import Serve
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

RIGHT = {"Authorization": "Basic " + base64.b64encode(b"admin:pw").decode()}


def exported(folder: Path, incident: str) -> bytes:
    argv = [sys.executable, "-m", "ebpftrace", "incidents", "export", incident]
    return subprocess.run(
        [*argv, "--audit", str(folder / "audit.jsonl")],
        cwd=ROOT, capture_output=True, check=True, timeout=cli.SECONDS,
    ).stdout  # fmt: skip


def test_its_evidence_is_fetched_on_the_node_and_over_http(tmp_path: Path) -> None:
    hashed = cli.ebpftrace("serve", "--hash-password", before=("sh", "-c", 'echo pw|"$@"', "-"))
    users = tmp_path / "users"
    users.write_text(f"admin:{hashed.stdout}", encoding="utf-8")
    file = policy(tmp_path, then='{ action = "signal" }')
    with (
        memory_cgroup() as group,
        Serve("--comm", COMM, "--no-history", "--audit", str(tmp_path / "audit.jsonl"),
              "--config", str(file), "--auth-file", str(users)) as served,
        Workload(COMM, cgroup=group) as leaky,
    ):  # fmt: skip
        served.wait_until_ready()
        assert served.get("/v1/incidents")[0] == 401
        leaky.do("map 100MiB")
        leaky.send("touch 0")

        def ended() -> dict[str, object]:
            listed = json.loads(served.get("/v1/incidents", **RIGHT)[1])["incidents"]
            return listed[0] if listed and listed[0]["outcome"] else {}

        found = served.until(ended)
        incident = str(found["incident"])
        assert found["result"] == "helped"
        assert found["evidence"]
        shown = json.loads(served.get(f"/v1/incidents/{incident}", **RIGHT)[1])
        assert [step["action"] for step in shown["steps"]] == ["capture", "signal"]
        assert served.get(f"/v1/incidents/../{incident}", **RIGHT)[0] == 404
        status, raw = served.fetch(f"/v1/incidents/{incident}/export", **RIGHT)
        assert status == 200
        assert served.end() == 0
    assert raw == exported(tmp_path, incident)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert {f"{incident}/audit.jsonl", f"{incident}/process-smaps"} <= set(tar.getnames())
    table = cli.ebpftrace("incidents", "--audit", str(tmp_path / "audit.jsonl"))
    assert incident in table.stdout
    cli.assert_on_one_screen(table.stderr)


def test_without_passwords_no_client_sees_any(tmp_path: Path) -> None:
    with Serve("--comm", "no-such-name", "--no-history") as served:
        status, said = served.get("/v1/incidents")
        assert status == 403
        assert "--auth-file" in said
