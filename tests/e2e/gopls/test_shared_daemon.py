"""The shared daemon's leak: forecast, and ended before the limit, with the evidence saved.

One `gopls -remote=auto` for all jobs of a machine keeps the text of every checkout that it
has read, in the memory cgroup of the job that happened to start it. That job is long over
as the next ones fill its cgroup up.
"""

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.judgement.daemon import jobs
from ebpftrace.golang import buildinfo
from ebpftrace.host import proc
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.gopls_install import TOOLCHAINS, GoplsMissingError, gopls_binary
from tests.support.patience import patient
from tests.support.privileges import required
from tests.support.records import Record, Watch

pytestmark = pytest.mark.timeout(patient(400))

MIB = 1 << 20
LIMIT = 1024 * MIB
SECONDS = patient(240.0)
# The go commands of gopls are not watched. On a machine that is busy with other tests it takes
# longer to save the evidence and to end gopls than they take to fill the last 5 %.
POLICY = """
[[policy]]
name = "shared daemons"
match = {{ comm = "gopls", cgroup = "{cgroup}" }}
backstop = "85%"
when = [{{ detector = "builtin" }}]
then = [
    {{ action = "capture", folder = "{folder}/evidence" }},
    {{ action = "signal", grace = "2s" }},
]
"""


@contextmanager
def driven(first: MemoryCgroup, later: MemoryCgroup, version: str) -> Iterator[threading.Event]:
    """Jobs, one after the other; set the event, and no further one is begun."""
    enough = threading.Event()
    folder = Path(tempfile.mkdtemp(prefix="ebpftrace-judge-"))  # a socket's path is short

    def drive() -> None:
        for _ in jobs(first, later, folder, version):
            if enough.is_set():
                return

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield enough
    finally:
        enough.set()
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


def daemons(group: MemoryCgroup) -> list[int]:
    """Those that are in this cgroup, and no job's client."""
    commands = {pid: proc.read_cmdline(pid) or () for pid in group.pids()}
    return [pid for pid, argv in commands.items() if "serve" in argv]


@pytest.mark.parametrize("version", TOOLCHAINS)
def test_the_daemon_is_forecast_and_ended_before_the_limit(
    version: str, tmp_path: Path
) -> None:
    try:
        gopls_binary(version)
    except GoplsMissingError as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    file = tmp_path / "policy.toml"
    with memory_cgroup(limit=LIMIT) as first, memory_cgroup() as later:
        file.write_text(POLICY.format(folder=tmp_path, cgroup=first.name))
        options = ("--config", str(file), "--audit", str(tmp_path / "audit.jsonl"))
        scope = ("--comm", "gopls", "--cgroup", first.name, "--interval", "500ms")
        with Watch(*scope, *options) as watch, driven(first, later, version) as enough:
            forecast = watch.wait_for(
                lambda one: one["type"] == "finding" and one["detector"] == "forecast", SECONDS
            )
            outcome = watch.wait_for(was_ended, SECONDS)
            successor = next((pid for pid in daemons(later)), None)
            main_package = successor and buildinfo.read_main_package(
                Path(f"/proc/{successor}/exe")
            )
            enough.set()
        assert first.oom_kills() == 0
    assert forecast["job"]["cgroup"] == first.name
    assert f"gopls {outcome['pid']} " in forecast["sentence"]
    assert outcome["helped"], outcome
    assert "no successor came" in outcome["sentence"]  # to this job: the next has its own
    assert outcome["freed_bytes"] > 300 * MIB
    assert main_package == "golang.org/x/tools/gopls"
    evidence = Path(outcome["evidence"])
    manifest = json.loads((evidence / "manifest.json").read_bytes())
    assert manifest["complete"]
    # A first run: neither its shape nor its minute of climbing is evidence.
    assert manifest["facts"]["detector"] in ("exhaustion", "fuse")
    assert manifest["facts"]["job_held_bytes"] < LIMIT
    assert "serve" in (evidence / "process-cmdline").read_text()
    taken = [(one["action"], one["status"]) for one in actions(watch)]
    assert taken[-2:] == [("capture", "done"), ("signal", "done")]
    # At a first stop the evidence is saved, and no more; exhaustion may come before it.
    assert set(taken[:-2]) <= {("capture", "done"), ("resume", "done")}


def was_ended(record: Record) -> bool:
    """An outcome, but not of a first stop at the backstop, from which it was resumed."""
    return record["type"] == "outcome" and "was resumed" not in record["sentence"]


def actions(watch: Watch) -> list[Record]:
    return [one for one in watch.records if one["type"] == "step"]
