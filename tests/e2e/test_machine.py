"""The machine that vagrant/provision.sh makes, as its user has it; tests/vm boots one."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.demo.roles import ROLES
from tests.support.build import ROOT
from tests.support.patience import patient
from tests.support.records import Record, Watch, holds, job_of, process_of

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]

MIB = 1 << 20
GIB = 1 << 30
SECONDS = patient(80.0)  # gopls needs half a minute for its first module, emulated
README = (ROOT / "README.md").read_text()
PROVISION = ROOT / "vagrant" / "provision.sh"
UNITS = ("gopls.service", "gopls-client@steady.service", "gopls-client@leak.service")


@pytest.fixture(scope="module", autouse=True)
def machine() -> Iterator[None]:
    """gopls.service and its clients, running; stopped afterwards."""
    if not Path("/run/systemd/system").is_dir():
        pytest.skip("systemd is not process 1 here; the machines of tests/vm have it")
    if not Path("/etc/systemd/system", UNITS[0]).exists():
        pytest.skip("this machine was not made by vagrant/provision.sh")
    systemctl("start", *UNITS[:2])
    yield
    systemctl("stop", *reversed(UNITS))


def systemctl(*words: str) -> str:
    return subprocess.run(
        ["systemctl", *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def main_pid() -> int:
    return int(systemctl("show", "--property=MainPID", "--value", "gopls.service"))


def test_it_can_be_provisioned_again_while_it_runs() -> None:
    """As `vagrant provision` does: the units are installed, enabled and started anew.

    Whatever root keeps for itself, the service's user can run what is in the tree.
    """
    before = main_pid()
    ROOT.chmod(0o700)
    (ROOT / ".venv").chmod(0o700)
    done = subprocess.run(
        [PROVISION], capture_output=True, text=True, timeout=SECONDS, umask=0o077
    )
    assert done.returncode == 0, done.stderr
    assert main_pid() not in (0, before)
    client = [str(ROOT / ".venv/bin/python"), "-c", "import ebpftrace.demo.client"]
    subprocess.run(client, user="gopls", group="gopls", cwd="/", check=True, timeout=SECONDS)
    for unit in UNITS[:2]:
        assert systemctl("is-active", unit) == "active"
        assert systemctl("is-enabled", unit) == "enabled"


def test_a_gopls_that_cannot_be_built_ends_it_with_what_to_do() -> None:
    there = ROOT / ".cache" / "gopls"
    aside = there.rename(there.with_suffix(".aside"))
    try:
        done = subprocess.run(
            [PROVISION],
            env={**os.environ, "GOPROXY": "off"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    finally:
        shutil.rmtree(there, ignore_errors=True)
        aside.rename(there)
    assert done.returncode == 1
    error, why, fix = done.stderr.splitlines()[-3:]
    assert re.fullmatch(r"error: gopls v\S+ was not built", error), done.stderr
    assert why.startswith("  why: ")
    assert fix.startswith("  fix: ")


def test_what_the_user_types_shows_the_service_and_its_limit() -> None:
    typed = "sudo ebpftrace watch --comm gopls --once --output plain"
    shown = subprocess.run(
        typed.split()[1:], capture_output=True, text=True, check=True, cwd="/", timeout=SECONDS
    )
    assert "gopls.service" in shown.stdout
    assert "of 1.0 GiB" in shown.stdout


def test_the_service_is_the_job_in_its_slice() -> None:
    pid = main_pid()
    with Watch("--comm", "gopls", "--interval", "200ms") as watch:
        job = job_of(watch.wait_for(holds(pid)), pid)
    assert (job["kind"], job["name"]) == ("systemd", "gopls.service")
    assert job["cgroup"] == "/gopls.slice/gopls.service"
    assert job["limit_bytes"] == GIB


def test_its_leak_is_ended_by_the_restart_that_the_readme_shows() -> None:
    start, options = shown_by_the_readme()
    pid = main_pid()
    with Watch("--interval", "200ms", *options) as watch:
        before = process_of(watch.wait_for(holds(pid)), pid)["usage"]["anon_bytes"]
        systemctl(*start)
        step = watch.wait_for(of_job("step"), SECONDS)
        watch.wait_for(of_job("outcome"), SECONDS)
        assert step["status"] == "done"
        successor = main_pid()
        assert successor not in (0, pid)
        watch.wait_for(holds(successor))
        grown = max(held(record, pid) for record in watch.records) - before
    assert grown > 32 * MIB


def test_the_demo_runs_beside_its_gopls() -> None:
    typed = "sudo make -C /opt/ebpftrace demo"
    assert f"`{typed}`" in README
    done = subprocess.run(
        [*typed.split()[1:], "--no-print-directory", "ARGS=--duration 8s --output jsonl"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert end["type"] == "end"
    kinds = [job["kind"] for job in end["jobs"] if "ebpftrace-demo" in job["cgroup"]]
    assert len(kinds) == len(ROLES), done.stderr
    version = re.search(r"^version=(\S+)$", PROVISION.read_text(), re.MULTILINE)
    assert version
    assert f"gopls {version[1]} " in done.stderr, "it is the machine's own that is shown"


def shown_by_the_readme() -> tuple[list[str], list[str]]:
    """What its user types: the arguments of `systemctl`, and of `ebpftrace watch`."""
    found = re.search(
        r"^    sudo systemctl (start gopls-client@leak)\n"
        r"    sudo ebpftrace watch ((?:.*\\\n)*.*)\n",
        README,
        re.MULTILINE,
    )
    assert found
    return shlex.split(found[1]), shlex.split(found[2].replace("\\\n", " "))


def of_job(kind: str) -> Any:
    """Records of a type that are about gopls.service."""
    return lambda record: record["type"] == kind and record["job"]["name"] == "gopls.service"


def held(record: Record, pid: int) -> int:
    """Anonymous memory of a process in a snapshot, 0 where it is in none, in bytes."""
    for job in record.get("jobs", ()):
        for process in job.get("processes", ()):
            if process["pid"] == pid:
                size: int = process["usage"]["anon_bytes"]
                return size
    return 0
