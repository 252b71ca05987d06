"""One user holds memory in ways that no fuse is to see, beside a calm process of the run."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_step, of_type
from tests.support.build import evade_binary
from tests.support.cgroups import memory_cgroup
from tests.support.patience import patient
from tests.support.process_state import until
from tests.support.records import Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

VICTIM = "protected"
CALM_MIB, EVADER_MIB, BOUND_MIB = 40, 300, 160
POLICY = f"""
[[policy]]
name = "fuse"
match.comm = ["evade-*", "{VICTIM}"]
grace = "0s"
cooldown = "0s"
capture = false
fuse = {{ bound = "{BOUND_MIB}MiB", of = "SCOPE" }}
"""


ATTACKS = ("plain", "claim", "child", "late")


@pytest.mark.parametrize(
    ("attack", "scope"),
    [*((attack, scope) for attack in ATTACKS for scope in ("process", "job")),
     ("forks", "job")],
)  # fmt: skip
def test_evader_is_ended_and_the_calm_process_beside_it_is_not(
    tmp_path: Path, attack: str, scope: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.replace("SCOPE", scope))
    options = (
        "--comm", VICTIM, "--comm", "evade-*", "--interval", "200ms",
        "--config", str(file), "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        Workload(VICTIM, cgroup=group) as victim,
        Watch(*options) as watch,
    ):
        victim.do(f"map {CALM_MIB}MiB")
        victim.do("touch 0")
        argv: list[str | Path] = [evade_binary(), attack, str(EVADER_MIB), "x" * 64]
        with subprocess.Popen(group.inside(argv), bufsize=0, stdin=subprocess.PIPE) as evader:
            try:
                watch.next_snapshot(SECONDS)
                assert evader.stdin is not None
                evader.stdin.write(b"\n")
                step = watch.wait_for(is_step("signal"), SECONDS)
                until(lambda: group.pids() == [victim.pid])
                ended = watch.stop(signal.SIGTERM, patient(30))
            finally:
                evader.kill()
    assert step["status"] == "done"
    assert {one["comm"][:5] for one in of_type(watch, "step")} == {"evade"}
    assert (ended.code, ended.stderr) == (0, "")
