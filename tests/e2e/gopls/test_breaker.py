"""Real gopls with its real leak, ended by growth before the limit, and back again.

The supervisor is the demo's runner: it drives gopls as an editor would, replaces a big
file of the workspace by rename (gopls keeps every old text for ever), and starts gopls
again whenever it ends.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.golang import buildinfo
from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.gopls_install import GoplsMissingError, gopls_binary, gopls_environment
from tests.support.gopls_session import LEAK_POLICY
from tests.support.patience import patient
from tests.support.privileges import required
from tests.support.records import Watch
from tests.support.sessions import end_session, session_mark

MIB = 1 << 20
LIMIT = 768 * MIB


@pytest.mark.timeout(patient(240))
@pytest.mark.parametrize("version", ["v0.24.0", "v0.14.2"])
def test_the_leak_is_ended_before_the_limit_and_gopls_comes_back(
    version: str, tmp_path: Path
) -> None:
    try:
        binary, environment = gopls_binary(version), gopls_environment(version)
    except GoplsMissingError as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    file = tmp_path / "policy.toml"
    options = ("--config", str(file), "--audit", str(tmp_path / "audit.jsonl"))
    go = Path(environment["PATH"].split(os.pathsep)[0])
    go = go if (go / "go").exists() else Path("/usr/local/go/bin")
    mark = session_mark()
    job = tmp_path / "job"
    job.mkdir()
    with memory_cgroup(limit=LIMIT) as group:
        # For this cgroup alone: other gopls may run on this machine.
        file.write_text(LEAK_POLICY.format(folder=tmp_path, cgroup=group.name))
        scope = ("--comm", "gopls", "--cgroup", group.name, "--interval", "500ms")
        with Watch(*scope, *options) as watch:
            runner = group.run(
                [sys.executable, "-m", "ebpftrace.demo.runner", "leak", job, binary, go],
                cwd=ROOT,
                env={**environment, **mark},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                outcome = watch.wait_for(lambda one: one["type"] == "outcome", patient(200))
                successor = int(outcome["sentence"].split("its successor ")[1].split()[0])
                main_package = buildinfo.read_main_package(Path(f"/proc/{successor}/exe"))
            finally:
                end_session(runner, mark)
        assert group.oom_kills() == 0
    assert outcome["helped"], outcome
    assert outcome["freed_bytes"] > 100 * MIB
    assert main_package == "golang.org/x/tools/gopls"
    steps = [
        (one["action"], one["status"])
        for one in watch.records
        if one["type"] == "step" and one["incident"] == outcome["incident"]
    ]
    assert steps == [("capture", "done"), ("signal", "done")]
    evidence = Path(outcome["evidence"])
    assert json.loads((evidence / "manifest.json").read_bytes())["complete"]
    assert b"gopls" in (evidence / "process-smaps").read_bytes()
