"""A hook runs while the evidence is written: what it does meanwhile costs no part of it."""

import json
import signal
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, is_type, of_type, policy, watching
from tests.support.cgroups import memory_cgroup
from tests.support.respawn import COMM
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

DOCS = Path(__file__).parents[2] / "docs/policy.md"
UNTIL_COMPLETE = 'until [ -e "$EBPFTRACE_EVIDENCE/manifest.json" ]; do sleep 0.01; done'
COPY = 'cp -r "$EBPFTRACE_EVIDENCE" {folder}/copy'
KILL = "kill -KILL $EBPFTRACE_PID"


def breached(folder: Path, *lines: str, wait: bool = False) -> list[str]:
    """The steps of an incident in the order of their ends; the lines are those of its hook."""
    line = "; ".join(lines).format(folder=folder)
    file = policy(folder, then=f"{{ action = \"shell\", line = '''{line}''' }}")
    if wait:
        file.write_text(file.read_text().replace('/evidence" }', '/evidence", wait = true }'))
    with (
        memory_cgroup() as group,
        watching(folder, "--config", str(file)) as watch,
        Workload(COMM, cgroup=group) as workload,
    ):
        watch.next_snapshot()
        workload.do("map 100MiB")
        workload.send("touch 0")
        assert workload.wait() == -signal.SIGKILL
        outcome = watch.wait_for(is_type("outcome"), SECONDS)
        assert watch.wait_for(is_step("shell"), SECONDS)["status"] == "done"
        steps = of_type(watch, "step")
    assert verify(Path(outcome["evidence"])) == verify(folder / "copy")
    return [step["action"] for step in steps if step["status"] == "done"]


def verify(folder: Path) -> dict[str, int]:
    """The sizes of all files: those of the manifest, which knows of no error."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["complete"]
    assert [part for part in manifest["parts"] if part["error"]] == []
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    del sizes["manifest.json"]
    assert sizes == {part["name"]: part["bytes"] for part in manifest["parts"]}
    assert sizes["process-smaps"] > 1000
    return sizes


def test_a_hook_that_kills_at_once_finds_complete_evidence_later(tmp_path: Path) -> None:
    assert UNTIL_COMPLETE in DOCS.read_text()
    steps = breached(tmp_path, KILL, UNTIL_COMPLETE, COPY)
    assert sorted(steps) == ["capture", "shell"]


def test_a_hook_that_waits_for_the_disk_finds_complete_evidence(tmp_path: Path) -> None:
    assert breached(tmp_path, COPY, KILL, wait=True) == ["capture", "shell"]
