"""`ebpftrace doctor` on a gopls daemon that two jobs share: whose memory, what ends with it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.host.proc import read_cmdline
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.gopls_install import (
    TOOLCHAINS,
    GoplsMissingError,
    gopls_binary,
    gopls_environment,
)
from tests.support.gopls_session import WORKSPACE_LOADED
from tests.support.lsp import END_SECONDS, LanguageServer
from tests.support.patience import patient
from tests.support.privileges import required

pytestmark = pytest.mark.timeout(patient(120))

GONE = 2  # the exit code of a client whose daemon has ended


@pytest.fixture(params=TOOLCHAINS)
def program(request: pytest.FixtureRequest) -> tuple[Path, dict[str, str]]:
    """Each version in turn, and what it runs with."""
    try:
        return gopls_binary(request.param), gopls_environment(request.param)
    except GoplsMissingError as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A small module, in a folder with a short path: it has the daemon's socket, too."""
    made = Path(tempfile.mkdtemp(prefix="ebpftrace-daemon-"))
    mode = made / ".config/go/telemetry/mode"
    mode.parent.mkdir(parents=True)
    mode.write_text("off")
    (made / "module").mkdir()
    (made / "module/go.mod").write_text("module example.com/m\n\ngo 1.21\n")
    (made / "module/main.go").write_text("package main\n\nfunc main() {}\n")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def client(
    program: tuple[Path, dict[str, str]], folder: Path, group: MemoryCgroup, run: str
) -> LanguageServer:
    """The gopls of a CI run."""
    binary, environment = program
    own = {
        "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": run, "GITHUB_RUN_NUMBER": run,
        "GITHUB_REPOSITORY": "acme/app", "GITHUB_WORKFLOW": "ci", "GITHUB_JOB": f"job{run}",
        "GOPLSCACHE": str(folder / "cache"), "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder),
    }  # fmt: skip
    argv: list[str | Path] = [binary, "-remote=auto"]
    return LanguageServer(
        argv, folder / "module", environment={**environment, **own}, cgroup=group
    )


def begin(server: LanguageServer) -> int:
    """The pid, when its workspace is loaded."""
    server.initialize()
    server.wait_for_progress(WORKSPACE_LOADED)
    return server.process.pid


def daemon_check(pid: int) -> dict[str, Any]:
    checks = json.loads(ebpftrace("doctor", "--json").stdout)["checks"]
    (found,) = [
        each
        for each in checks
        if each["name"] == "daemon" and f"(pid {pid}) is a daemon" in each["seen"]
    ]
    return dict(found)


def jobs_shown() -> dict[int, str]:
    """The job of each gopls, as a watch shows it."""
    done = ebpftrace("watch", "--once", "--output", "jsonl", "--no-config", "--no-history")
    jobs = json.loads(done.stdout.splitlines()[-1])["jobs"]
    return {process["pid"]: job["name"] for job in jobs for process in job["processes"]}


def test_it_says_whose_memory_it_is_and_what_ends_with_it(
    program: tuple[Path, dict[str, str]], folder: Path
) -> None:
    with memory_cgroup(limit=1 << 30) as first, memory_cgroup() as second:
        with client(program, folder, first, "1") as one:
            own = begin(one)
            (daemon,) = [pid for pid in first.pids() if "serve" in (read_cmdline(pid) or ())]
            alone = daemon_check(daemon)
            with client(program, folder, second, "2") as other:
                foreign = begin(other)
                shared, shown = daemon_check(daemon), jobs_shown()
                first.remove()  # ends all that is in it
                code = other.process.wait(END_SECONDS)
        assert shown[daemon] == shown[own] == "acme/app#1 job1"
        assert shown[foreign] == "acme/app#2 job2"
        assert alone["state"] == "ok"
        assert f"with 1 client, acme/app#1 job1 (pid {own}):" in alone["seen"]
        assert shared["state"] == "warning"
        assert "with 2 clients, " in shared["seen"]
        assert shared["seen"].endswith(" resident, charged to acme/app#1 job1")
        assert f"the memory cgroup {first.name}, whose limit is 1.0 GiB" in shared["why"]
        assert f"with it 1 client, acme/app#2 job2 (pid {foreign});" in shared["why"]
        assert shared["why"].endswith("charged to its own job: acme/app#2 job2")
        assert code == GONE
