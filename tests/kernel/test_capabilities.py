"""Each capability of the least-privilege manifests: without it, what its reason names breaks.

A CI job of another user's, in a cgroup that is that user's, is watched with all of them and
with all but one.
"""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from ebpftrace.errors import NotPermittedError
from tests.support.acting import is_step, is_type, policy
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup, memory_hierarchy
from tests.support.cli import SECONDS, assert_explained, ebpftrace
from tests.support.delegation import UNPRIVILEGED, delegate
from tests.support.patience import IS_EMULATED
from tests.support.privileges import require_resource
from tests.support.records import START_SECONDS, Watch
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

RIGHTS = ROOT / "deploy/kubernetes/components/least-privilege/rights.yaml"
GRANTED = re.findall(r"^ +- ([A-Z_]+) # \w", RIGHTS.read_text(encoding="utf-8"), re.MULTILINE)
COMM = "capable"
JOB = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_REPOSITORY": "acme/app",
       "GITHUB_WORKFLOW": "test", "GITHUB_JOB": "build"}  # fmt: skip
MEMLOCK = 64 << 10
"""Less than a watch takes, as in a container: so that only the capability lets it lock that."""

MOST_SNAPSHOTS = 40


def bounded(without: str = "") -> list[str]:
    """What runs a program as root with the granted capabilities alone."""
    kept = ",".join(f"+{name.lower()}" for name in GRANTED if name != without)
    limit = ["prlimit", f"--memlock={MEMLOCK}:{MEMLOCK}"]
    return [*limit, "setpriv", f"--bounding-set=-all,{kept}", "--inh-caps=-all"]


class BoundedWatch(Watch):
    """A watch with some capabilities."""

    def __init__(self, without: str, *args: str) -> None:
        super().__init__(*args)
        self._before = bounded(without)

    @property
    def argv(self) -> Sequence[str]:
        return [*self._before, *super().argv]


class Seen(NamedTuple):
    """What a watch could do."""

    names_the_run: bool = True
    changes_the_cgroup: bool = True
    ends_the_process: bool = True
    runs_first: bool = True
    locks_its_memory: bool = True


ALL = Seen()
LOST = {
    "DAC_OVERRIDE": ALL._replace(changes_the_cgroup=False),
    "KILL": ALL._replace(ends_the_process=False),
    "SYS_NICE": ALL._replace(runs_first=False),
    "IPC_LOCK": ALL._replace(locks_its_memory=False),
}


def seen(without: str, folder: Path) -> Seen:
    """By a watch without this capability, of a job that leaks."""
    changes = "reclaim" if memory_hierarchy()[1] == 1 else "throttle"
    file = policy(
        folder,
        then=f'{{ action = "{changes}" }}, {{ action = "signal", timeout = "5s" }}',
        comm=COMM,
    )
    with memory_cgroup() as group:
        _give_away(group)
        with (
            BoundedWatch(without, "--comm", COMM, "--interval", "500ms", "--no-history",
                         "--config", str(file), "--audit", str(folder / "a.jsonl")) as watch,
            Workload(COMM, cgroup=group, environment=JOB, unprivileged=True) as leaky,
        ):  # fmt: skip
            watch.next_snapshot(START_SECONDS)  # the policies are in force
            leaky.do("map 100MiB")
            with suppress(EOFError):  # it may be ended before its answer
                leaky.do("touch 0")
            watch.wait_for(is_step("signal"), START_SECONDS)
            # Before Linux 5.11 maps count as locked memory, and the limit is lifted for them.
            lifted = resource.prlimit(watch.pid, resource.RLIMIT_MEMLOCK)[0] != MEMLOCK
            first = _comes_to_be_first(watch)
            steps = [one for one in watch.records if one["type"] == "step"]
            started = watch.records[0]
            done = {one["action"] for one in steps if one["status"] == "done"}
            kinds = {one["job"]["kind"] for one in steps}
    remarks = " ".join(map(str, started["remarks"]))
    remarks += " ".join(str(one.get("text")) for one in watch.records if is_type("remark")(one))
    return Seen(
        names_the_run=kinds == {"github"},
        changes_the_cgroup=changes in done,
        ends_the_process="signal" in done,
        runs_first=first,
        locks_its_memory="mlockall" not in remarks and not (lifted and without == "IPC_LOCK"),
    )


def _give_away(group: MemoryCgroup) -> None:
    delegate(group)
    for entry in group.path.iterdir():
        with suppress(FileNotFoundError):
            os.chown(entry, UNPRIVILEGED, UNPRIVILEGED)


def _comes_to_be_first(watch: Watch) -> bool:
    """Within some snapshots: a thread that has just used much of a processor is not."""
    for _ in range(MOST_SNAPSHOTS):
        if _is_first(watch.pid):
            return True
        watch.next_snapshot(START_SECONDS)
    return False


def _is_first(pid: int) -> bool:
    """Whether a thread of it is a real-time one."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):
            if os.sched_getscheduler(int(task.name)) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO:
                return True
    return False


def compared(found: Seen, expected: Seen) -> Seen:
    """On an emulated processor a watch is often too busy to be a real-time thread."""
    if IS_EMULATED and expected.runs_first:
        return found._replace(runs_first=True)
    return found


def test_with_all_of_them_everything_works(tmp_path: Path) -> None:
    assert compared(seen("", tmp_path), ALL) == ALL


@pytest.mark.parametrize("name", LOST)
def test_without_one_of_them_what_it_is_for_breaks(name: str, tmp_path: Path) -> None:
    assert compared(seen(name, tmp_path), LOST[name]) == LOST[name]


@pytest.mark.parametrize("name", ["BPF", "PERFMON"])
def test_without_these_no_watch_begins(name: str) -> None:
    done = ebpftrace("watch", "--comm", "no-such-name", "--once", before=bounded(name))
    said = assert_explained(done, NotPermittedError.exit_code)
    assert f"lacks CAP_{name} fix" in said


def test_without_sys_ptrace_no_program_of_another_user_is_known() -> None:
    for without, kinds in (("", ["github"]), ("SYS_PTRACE", [])):
        with (
            memory_cgroup() as group,
            Workload(COMM, cgroup=group, environment=JOB, unprivileged=True),
            BoundedWatch(without, "--exe", f"*/{COMM}", "--no-history", "--no-config") as watch,
        ):
            found = watch.next_snapshot(START_SECONDS)
            assert [job["kind"] for job in found["jobs"]] == kinds


def test_without_dac_read_search_a_cgroup_is_not_found_by_its_id() -> None:
    program = (
        "import sys; from pathlib import Path; from ebpftrace.host import kernfs; "
        "print(kernfs.KernfsHandles(Path(sys.argv[1])).folder(int(sys.argv[2])))"
    )
    with memory_cgroup() as group:
        argv = [sys.executable, "-c", program, str(memory_hierarchy()[0]), str(group.id)]
        for without, said in (("", group.name), ("DAC_READ_SEARCH", "Operation not permitted")):
            done = subprocess.run(
                [*bounded(without), *argv], cwd=ROOT, capture_output=True, text=True,
                check=False, timeout=SECONDS,
            )  # fmt: skip
            assert said in done.stdout + done.stderr


def test_without_sys_resource_the_oom_killer_may_choose_it(tmp_path: Path) -> None:
    require_resource()
    for without, said in (("", False), ("SYS_RESOURCE", True)):
        file = policy(tmp_path, then='{ action = "signal" }', comm=COMM)
        options = ("--config", str(file), "--audit", str(tmp_path / "a"), "--no-history")
        with BoundedWatch(without, "--comm", COMM, *options) as watch:
            watch.next_snapshot(START_SECONDS)
            texts = [str(one.get("text")) for one in watch.records]
        assert any("the OOM killer may choose" in text for text in texts) == said


def test_every_one_of_them_has_such_a_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in GRANTED if f'"{name}"' not in text] == []
    assert len(GRANTED) == 9
