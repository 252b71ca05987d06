"""The action for GitHub and the template for GitLab, their steps run as a runner runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.build import ROOT, exact_binary
from tests.support.cgroups import memory_cgroup
from tests.support.github import Runner, sudo_user
from tests.support.patience import patient

pytestmark = pytest.mark.kernel

MIB = 1 << 20
INSTALL = "Install ebpftrace"
PROGRAM = Path(sys.executable).with_name("ebpftrace")
TAKE = f"printf 'map {{}}MiB\\ntouch 0\\n' | {exact_binary()} >/dev/null"


def take(mib: int) -> str:
    return TAKE.format(mib)


def test_good_job_has_a_summary_outputs_and_its_own_output(tmp_path: Path) -> None:
    runner = Runner(tmp_path, environment={"EBPFTRACE": str(PROGRAM)})
    with memory_cgroup() as group:
        runner.begin = group.inside([])
        code = runner.run(
            {"run": f"echo begun\n{take(100)}\nsleep 2", "name": "unit tests",
             "memory": "1GiB"},
            skip=[INSTALL],
        )  # fmt: skip
    assert (code, runner.stdout) == (0, "begun\n"), runner.stderr
    assert "ebpftrace: unit tests ended with exit code 0" in runner.stderr
    assert "::" not in runner.stderr
    assert runner.summary().startswith("### \N{WHITE HEAVY CHECK MARK} ")
    assert "memory of `unit tests`" in runner.summary()
    assert int(runner.output["peak-bytes"]) >= 100 * MIB
    found = json.loads(Path(runner.output["json"]).read_text(encoding="utf-8"))
    assert found["limit_bytes"] == 1024 * MIB


def test_job_that_the_oom_killer_ends_has_an_annotation_and_its_code(tmp_path: Path) -> None:
    runner = Runner(tmp_path, environment={"EBPFTRACE": str(PROGRAM)})
    with memory_cgroup() as group:
        runner.begin = group.inside([])
        commands = f"sleep 2\n{take(200)}\necho not reached"
        code = runner.run({"run": commands, "memory": "64MiB"}, skip=[INSTALL])
    assert code == 137, runner.stderr
    assert runner.stdout == ""
    assert "::error title=ebpftrace::the OOM killer ended" in runner.stderr
    assert "### \N{WARNING SIGN}" in runner.summary()


def test_no_input_is_a_part_of_a_script(tmp_path: Path) -> None:
    runner = Runner(tmp_path, environment={"EBPFTRACE": str(PROGRAM)})
    hostile = f'"; touch {tmp_path}/made; $(touch {tmp_path}/made) `touch {tmp_path}/made` #'
    with memory_cgroup() as group:
        runner.begin = group.inside([])
        runner.run({"run": "true", "name": hostile, "memory": "64MiB"}, skip=[INSTALL])
        runner.run({"run": "true", "memory": hostile}, skip=[INSTALL])
    assert not (tmp_path / "made").exists()


def test_runner_with_sudo_keeps_its_user_its_path_and_its_environment(tmp_path: Path) -> None:
    entry = sudo_user()
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o005)
    become = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups"]
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("#!/bin/sh\necho tool\n", encoding="utf-8")
    (tmp_path / "bin" / "tool").chmod(0o755)
    runner = Runner(tmp_path, become, entry.pw_uid, {
        "EBPFTRACE": str(PROGRAM), "PATH": path, "LD_LIBRARY_PATH": "/opt/lib", "TOKEN": "a b",
    })  # fmt: skip
    commands = (
        f'id -un; tool; echo "$LD_LIBRARY_PATH $TOKEN $HOME"; {take(100)}; sleep 4; exit 3'
    )
    code = runner.run({"run": commands, "memory": "1GiB"}, skip=[INSTALL])
    assert code == 3, runner.stderr
    home = tmp_path / "temp"
    assert runner.stdout == f"{entry.pw_name}\ntool\n/opt/lib a b {home}\n"
    assert int(runner.output["peak-bytes"]) >= 100 * MIB
    assert "### " in runner.summary()


def test_job_of_gitlab_leaves_the_artifacts_of_its_template(tmp_path: Path) -> None:
    template = yaml.safe_load(
        (ROOT / "deploy" / "gitlab" / "ebpftrace.yml").read_text(encoding="utf-8")
    )
    job = template[".ebpftrace"]
    (example,) = [line for line in _comment_lines() if "EBPFTRACE_RUN" in line]
    script = example.strip().removeprefix("- ").replace("make lint", "sh -c 'echo on; exit 3'")
    with memory_cgroup() as group:
        done = subprocess.run(  # as GitLab's runner does: bash with all lines on its input
            group.inside(["bash"]), input=f"set -eo pipefail\n{script}\n", text=True,
            cwd=tmp_path, capture_output=True, check=False, timeout=patient(120.0),
            env={"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "GITLAB_CI": "true",
                 **job["variables"]},
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "on\n"), done.stderr
    assert "section_start:" in done.stderr
    artifacts = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["metrics"]]
    assert sorted(artifacts) == sorted(file.name for file in tmp_path.iterdir())
    assert "ebpftrace_run_peak_bytes" in (tmp_path / "ebpftrace.txt").read_text("utf-8")


def _comment_lines() -> list[str]:
    text = (ROOT / "deploy" / "gitlab" / "ebpftrace.yml").read_text(encoding="utf-8")
    return [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
