"""The targets of the Makefile, as a user calls them."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.demo.roles import ROLES
from ebpftrace.host.mounts import memory_hierarchy

ROOT = Path(__file__).resolve().parents[2]
_OUR_MAKES = ("ARGS", "COMM", "KERNEL", "MAKE", "TESTS")
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith(_OUR_MAKES)}
"""Without what `make test ARGS=…` hands down, which would be the demo's as well."""


def make(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *args],
        cwd=ROOT,
        env=OUTSIDE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_target_within_80_columns() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    done = make("help")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == phony[1].split()
    assert all(len(line.split()) > 2 for line in lines)
    assert max(map(len, lines)) <= 80
    assert make().stdout == done.stdout


def test_setup_has_nothing_left_to_do_the_second_time() -> None:
    assert make("setup").returncode == 0
    again = make("setup")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.kernel
def test_the_demo_in_a_pipe_ends_by_itself_and_leaves_nothing() -> None:
    demo = start_demo("--duration 8s --output jsonl")
    try:
        path = first_cgroup(demo)
        stdout, stderr = demo.communicate(timeout=120)
    finally:
        demo.kill()
    assert demo.returncode == 0, stderr
    end = json.loads(stdout.splitlines()[-1])
    assert end["type"] == "end"
    # Another demo may run on this machine, and the watch see it.
    own = {
        job["cgroup"]: job["kind"]
        for job in end["jobs"]
        if job["cgroup"].startswith(path.rpartition("-")[0] + "-")
    }
    assert sorted(own.values()) == ["buildkite", "github", "gitlab"]
    assert [one for one in own if folder(one).exists()] == []
    assert left_behind(path) == []


@pytest.mark.kernel
def test_the_demo_ends_with_a_summary_in_a_pipe() -> None:
    done = make("demo", "ARGS=--duration 4s")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80
    summary = done.stdout[-2000:]
    for role in ROLES:
        assert role.project in done.stderr
        # The name its CI variables give it, in the last words.
        assert role.project in summary


@pytest.mark.kernel
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_cleans_up_when_it_is_told_to_stop(signum: signal.Signals) -> None:
    demo = start_demo()
    try:
        path = first_cgroup(demo)
        os.killpg(demo.pid, signum)
        stdout, stderr = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert json.loads(stdout.splitlines()[-1])["type"] == "end", stderr
    assert not folder(path).exists()
    assert left_behind(path) == []


@pytest.mark.kernel
def test_what_a_demo_that_was_killed_left_goes_at_the_next_start() -> None:
    demo = start_demo()
    try:
        path = first_cgroup(demo)
        pid = int(path.split("-")[2])
        os.kill(pid, signal.SIGKILL)
        demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert folder(path).exists()
    deadline = time.monotonic() + 60
    while (left := left_behind(path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []
    done = make("demo", "ARGS=--once --output jsonl")
    assert done.returncode == 0, done.stderr
    assert f"removed {path.strip('/')}" in done.stderr
    assert not folder(path).exists()


@pytest.mark.kernel
@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "Ctrl-C"])
def test_on_a_terminal_the_demo_runs_until_a_key_ends_it(key: bytes) -> None:
    # `script` gives it a terminal, and types what it reads.
    demo = subprocess.Popen(
        ["script", "-qefc", "stty cols 100 rows 30; exec make demo", "/dev/null"],
        cwd=ROOT,
        env=OUTSIDE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert demo.stdin is not None and demo.stdout is not None
    try:
        screen = b""
        # Its own words come first; the second time it is the table's.
        while screen.count(b"acme/search") < 2:
            chunk = os.read(demo.stdout.fileno(), 1 << 16)
            assert chunk, screen.decode(errors="replace")
            screen += chunk
        pid = demo_below(demo.pid)
        demo.stdin.write(key)
        demo.stdin.flush()
        rest, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert b"acme/search" in rest  # the summary
    for role in ROLES:
        assert not folder(f"/ebpftrace-demo-{pid}-{role.name}").exists()
    assert left_behind(f"/ebpftrace-demo-{pid}-leak") == []


def start_demo(args: str = "--output jsonl") -> subprocess.Popen[str]:
    """A demo, make and all, in a process group of its own."""
    return subprocess.Popen(
        ["make", "--no-print-directory", "demo", f"ARGS={args}"],
        cwd=ROOT,
        env=OUTSIDE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def first_cgroup(demo: subprocess.Popen[str]) -> str:
    """The first cgroup of this demo that the watch reports; AssertionError if none."""
    assert demo.stdout is not None
    for line in demo.stdout:
        for job in json.loads(line).get("jobs", ()):
            match = re.fullmatch(r"/ebpftrace-demo-(\d+)-[a-z]+", job["cgroup"])
            if match and process_group(int(match[1])) == demo.pid:
                return match[0]
    raise AssertionError(demo.stderr.read() if demo.stderr else "")


def demo_below(pid: int) -> int:
    """The demo among a process's descendants; AssertionError if there is none."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
        if words[1:3] == [b"-m", b"ebpftrace.demo"]:
            return one
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            waiting += map(int, children.read_text().split())
    raise AssertionError(f"no demo runs below {pid}")


def process_group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def folder(path: str) -> Path:
    """The folder of a memory cgroup."""
    return memory_hierarchy().mount / path.strip("/")


def left_behind(path: str) -> list[str]:
    """The command lines that still name the demo which made this cgroup."""
    name = "-".join(path.strip("/").split("-")[:3])
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = cmdline.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"/{name}/" in text:
            found.append(text)
    return found
