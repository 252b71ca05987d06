"""Real gopls ended by growth and back again, as the dashboard shows it in a terminal."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ebpftrace.demo.roles import ROLES
from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.gopls_install import GoplsMissingError, gopls_binary, gopls_environment
from tests.support.gopls_session import LEAK_POLICY
from tests.support.patience import patient
from tests.support.privileges import required
from tests.support.sessions import end_session, session_mark
from tests.support.tmux import NEEDS_TMUX, Tmux

pytestmark = [
    pytest.mark.timeout(patient(240)),
    NEEDS_TMUX,
]

MIB = 1 << 20
SECONDS = patient(150.0)
CI = next(role.variables for role in ROLES if role.name == "leak")
JOB = "acme/search#903 codegen"


def wait(tmux: Tmux, wanted: str) -> re.Match[str]:
    """What matches on the screen, within a longer time than tmux itself gives."""
    end = time.monotonic() + SECONDS
    while not (found := re.search(wanted, screen := tmux.screen())):
        assert time.monotonic() < end, screen
        time.sleep(0.1)
    return found


def test_breach_steps_outcome_and_the_memory_won_are_shown(tmp_path: Path) -> None:
    version = "v0.24.0"
    try:
        binary, environment = gopls_binary(version), gopls_environment(version)
    except GoplsMissingError as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    go = shutil.which("go", path=environment["PATH"])
    assert go is not None
    file, folder, mark = tmp_path / "policy.toml", tmp_path / "job", session_mark()
    folder.mkdir()
    with memory_cgroup(limit=768 * MIB) as group, Tmux(100, 30) as tmux:
        file.write_text(LEAK_POLICY.format(folder=tmp_path, cgroup=group.name))
        watch = [sys.executable, "-m", "ebpftrace", "watch", "--comm", "gopls",
                 "--cgroup", group.name, "--config", str(file),
                 "--audit", str(tmp_path / "audit.jsonl")]  # fmt: skip
        tmux.run(watch)
        tmux.expect("waiting for")
        runner = group.run(
            [sys.executable, "-m", "ebpftrace.demo.runner", "leak", folder, binary,
             Path(go).parent],
            cwd=ROOT, env={**environment, **CI, **mark}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            first = int(wait(tmux, rf"exec gopls (\d+) in {JOB}")[1])
            breach = wait(tmux, rf"▲ {JOB} at \d+%.*growth since [\d:]+ \(gopls {first}\)")
            end = wait(tmux, r"outcome +\S+ helped in .*?: (\d+) MiB freed in [^\n]+")
            tmux.press("S")
            tmux.expect("saved ebpftrace-")
            (saved,) = tmux.folder.glob("ebpftrace-*.txt")
            shown = saved.read_text()
        finally:
            end_session(runner, mark)
        assert group.oom_kills() == 0
    # gopls may have a crash monitor beside it, as telemetry is configured.
    assert re.search(r"in 1 job, (1 process|2 processes) ", breach.string)
    assert int(end[1]) > 50
    finding, capture, exited, ended, came, outcome = (
        shown.index(words)
        for words in (
            f"warning growth: gopls {first} in job buildkite/{JOB} gained 2",
            f"capture for {JOB}: done in ",
            f"exit gopls {first} in {JOB}: peak ",
            f"signal for {JOB}: done in ",
            f"exec gopls {successor_of(shown, first)} in {JOB}",
            " MiB freed in ",
        )
    )
    assert finding < capture < exited < outcome
    assert finding < capture < ended < came < outcome
    assert f"gopls {first}" not in shown.split("events")[0]
    assert max(map(len, shown.splitlines())) <= 100


def successor_of(shown: str, first: int) -> int:
    """The gopls that the list of jobs shows in the end: another."""
    (successor,) = {
        int(pid) for pid in re.findall(r"^ +gopls (\d+) (?!·)", shown, re.MULTILINE)
    }
    assert successor != first
    return successor
