"""`ebpftrace top` with a real Prometheus that scrapes a real service of a node."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.patience import patient
from tests.support.prometheus import Prometheus, scraping
from tests.support.serving import Serve
from tests.support.tmux import NEEDS_TMUX, Tmux
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SECONDS = patient(60.0)
NAME = f"topped{os.getpid()}"[:15]
RUN = {
    "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "17",
    "GITHUB_REPOSITORY": "acme/app", "GITHUB_WORKFLOW": "build", "GITHUB_JOB": "test",
    "GITHUB_SERVER_URL": "https://github.example",
}  # fmt: skip


def top(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ebpftrace", "top", *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=SECONDS,
        env=os.environ | {"COLUMNS": str(columns)},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@contextmanager
def fleet(folder: Path) -> Iterator[tuple[Serve, Prometheus, Workload]]:
    """A calm job without a limit and a CI run, which are both in the Prometheus; the latter."""
    with (
        memory_cgroup(256 * MIB) as group,
        memory_cgroup() as other,
        Serve("--comm", NAME, "--no-history", "--audit", str(folder / "audit")) as served,
        scraping(served.port, folder) as prometheus,
        Workload(NAME, cgroup=other) as calm,
        Workload(NAME, cgroup=group, environment=RUN) as leak,
    ):
        calm.do("map 200MiB")
        calm.do("touch 0")
        served.until(lambda: prometheus.query("count(ebpftrace_job_running == 1) == 2"))
        yield served, prometheus, leak


def test_the_job_with_the_least_room_comes_first_and_says_where_it_is(tmp_path: Path) -> None:
    with fleet(tmp_path) as (served, prometheus, leak):
        leak.do("map 150MiB")
        leak.do("touch 0")
        full = "ebpftrace_job_memory_held_bytes / ebpftrace_job_spec_memory_limit_bytes > 0.5"
        served.until(lambda: prometheus.query(full))
        code, table, said = top("--prometheus", prometheus.url, "--once")
        assert (code, said) == (0, "")
        lines = table.splitlines()
        assert all(len(line) <= 80 for line in lines)
        assert re.match(r"3\d\d MiB in 2 jobs, 2 processes · 127", lines[0])
        assert lines[1].startswith("1 node ")
        at = next(number for number, line in enumerate(lines) if "FULL IN" in line)
        assert lines[at].split()[-3:] == ["FULL", "IN", "NODE"]
        assert "acme/app#17 test · 1" in lines[at + 1]
        assert lines[at + 1].split()[-1] == "127.0.0.1"
        assert re.search(r"5\d%", lines[at + 1])
        assert "ebpftrace-test-" in lines[at + 2]
        code, table, said = top("--prometheus", prometheus.url, "--once", "--jobs", "1")
        assert " in 1 job, 1 process · 2 jobs in all, 127.0.0.1:" in table
        assert "ebpftrace-test-" not in table
        nothing = ("--prometheus", prometheus.url, "--once", "--match", 'instance="other"')
        code, table, said = top(*nothing)
        assert (code, said) == (0, "")
        assert "waiting for a job in 127.0.0.1" in table


@NEEDS_TMUX
def test_a_leak_is_seen_on_the_screen_of_a_terminal(tmp_path: Path) -> None:
    with fleet(tmp_path) as (served, prometheus, leak):
        for step in range(24):  # 6 MiB a second, as far as the machine keeps up
            leak.do("map 3MiB")
            leak.do(f"touch {step}")
            served.until(lambda: served.value("ebpftrace_snapshots") is not None)
        argv = [sys.executable, "-m", "ebpftrace", "top", "--interval", "200ms",
                "--prometheus", prometheus.url]  # fmt: skip
        with Tmux(160, 40) as terminal:
            terminal.run(argv)
            terminal.expect("acme/app#17 test")
            terminal.expect("https://github.example/acme/app/actions/runs/17")
            terminal.press("Space")
            terminal.expect(f"{NAME} {leak.pid}")
            leak.do("map 160MiB")
            leak.do("touch 24")
            terminal.expect("! ▾ acme/app#17 test")  # near its limit
            terminal.press("q")
            terminal.expect(lambda screen: screen.rstrip().endswith("shell>"))


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with scraping(1, tmp_path) as prometheus:
        for _ in range(600):
            if prometheus.query("vector(1)"):
                break
            subprocess.run(["sleep", "0.1"], check=True)
        code, out, said = top("--prometheus", prometheus.url, "--once", "--match", "foo=")
        assert (code, out) == (15, "")
        assert "parse error" in said
        assert "check --match" in said
        code, out, said = top("--prometheus", f"{prometheus.url}/wrong", "--once")
        assert (code, out) == (15, "")
        assert "HTTP 404" in said
        assert "check the URL" in said
    code, out, said = top("--prometheus", "http://127.0.0.1:1", "--once")
    assert (code, out) == (15, "")
    assert "Connection refused" in said
    code, out, said = top("--prometheus", "prometheus:9090")
    assert code == 2
    assert "http://" in said
    assert "Traceback" not in said
