"""throttle, reclaim and freeze on cgroup v2.

The folder is a fake: plain files with v2's names, for no kernel here has its memory
controller on v2. What the real files do is tested where one is booted (tests/vm).
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS, reclaim, throttle
from ebpftrace.act.actions.support.action import NoOptions
from ebpftrace.act.actions.support.running import Ended, Running
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.host.cgroups import memory_cgroup
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import MIB
from tests.support.incidents import about, act, drive

FILES = {
    "memory.current": f"{400 * MIB}\n",
    "memory.high": "max\n",
    "memory.reclaim": "",
    "memory.stat": f"anon {100 * MIB}\nfile {300 * MIB}\nshmem {50 * MIB}\n",
    "cgroup.freeze": "0\n",
    "cgroup.events": "populated 1\nfrozen 0\n",
    "cgroup.procs": "",
}


@pytest.fixture
def incident(tmp_path: Path) -> Iterator[Incident]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    job = JobIdentity("7", "build", "cgroup", "path", "/ci/fake", 7)
    with subprocess.Popen(["sleep", "100"]) as process:
        yield about(process.pid, tmp_path, job=job)
        process.kill()


def text(incident: Incident, name: str) -> str:
    assert incident.cgroup_folder is not None
    return (incident.cgroup_folder / name).read_text().strip()


def driven(name: str, incident: Incident, options: object) -> tuple[Ended, Running]:
    running = ACTIONS[name].start(incident, options)
    ended = drive(running)
    running.stop()
    return ended, running


def test_throttle_sets_what_is_charged_now_and_is_put_back(incident: Incident) -> None:
    ended, running = driven("throttle", incident, throttle.ThrottleOptions(share=0.5))
    assert (ended.status, ended.detail) == (StepStatus.DONE, "memory.high is 200 MiB")
    assert text(incident, "memory.high") == str(200 * MIB)
    assert running.undo is not None
    assert running.undo.run() == ""
    assert text(incident, "memory.high").startswith("max")


def test_throttle_takes_a_size_or_a_share_and_not_both() -> None:
    with pytest.raises(ValueError, match="high and share"):
        throttle.ThrottleOptions(high_bytes=64 * MIB, share=0.5)


def test_throttle_to_a_size(incident: Incident) -> None:
    driven("throttle", incident, throttle.ThrottleOptions(high_bytes=64 * MIB))
    assert text(incident, "memory.high") == str(64 * MIB)


def test_reclaim_asks_for_the_page_cache_alone(incident: Incident) -> None:
    assert driven("reclaim", incident, reclaim.ReclaimOptions())[0].status is StepStatus.DONE
    assert text(incident, "memory.reclaim") == str(250 * MIB)


def test_reclaim_of_nothing_asks_for_nothing(incident: Incident) -> None:
    assert incident.cgroup_folder is not None
    (incident.cgroup_folder / "memory.stat").write_text("anon 1\nfile 0\n")
    ended, _ = driven("reclaim", incident, reclaim.ReclaimOptions())
    assert ended.detail == "there is no page cache to drop"


def test_freeze_waits_until_the_kernel_says_so(incident: Incident) -> None:
    assert incident.cgroup_folder is not None
    running = ACTIONS["freeze"].start(incident, NoOptions())
    assert text(incident, "cgroup.freeze") == "1"
    assert running.poll(1) is None
    (incident.cgroup_folder / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    ended = running.poll(2)
    assert ended is not None
    assert ended.status is StepStatus.DONE
    running.stop()
    assert text(incident, "cgroup.freeze") == "1"
    assert act("thaw", incident, NoOptions()).status is StepStatus.DONE
    assert text(incident, "cgroup.freeze") == "0"


def test_one_that_does_not_freeze_in_time_is_let_go(incident: Incident) -> None:
    running = ACTIONS["freeze"].start(incident, NoOptions())
    assert running.poll(1) is None
    running.stop()
    assert text(incident, "cgroup.freeze") == "0"


@pytest.mark.parametrize(
    ("name", "options"),
    [("freeze", NoOptions()), ("throttle", throttle.ThrottleOptions())],
)
def test_our_own_cgroup_is_never_touched(
    incident: Incident, name: str, options: object
) -> None:
    own = memory_cgroup(incident.target.key.pid) or "/"
    if own == "/":
        pytest.skip("we run in the root cgroup, which is no job's")
    ours = replace(incident, job=replace(incident.job, cgroup=own))
    ended = act(name, ours, options)
    assert ended.status is StepStatus.SKIPPED
    assert ended.detail == "ebpftrace itself runs in this cgroup"
    assert text(incident, "cgroup.freeze") == "0"
