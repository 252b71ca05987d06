"""Which processes are never touched: ebpftrace, its ancestors, and what has changed."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ebpftrace.act.process import identity
from ebpftrace.errors import GoneError
from ebpftrace.events import ProcessKey
from tests.support.incidents import key_of

ORPHAN = """
import os, time
from ebpftrace.act.process import identity
from ebpftrace.events import ProcessKey
from ebpftrace.host import proc

def refused(pid):
    stat = proc.read_stat(pid)
    try:
        identity.identify(ProcessKey(pid, stat.start_boottime_ns))
    except identity.RefusedError as error:
        return "started it" in error.what or "init" in error.what
    return False

reader, writer = os.pipe()
if os.fork():
    os.read(reader, 1)
    os._exit(0)
parent = os.getppid()
before = refused(parent)
os.write(writer, b"!")
while os.getppid() == parent:
    time.sleep(0.001)
print(before, refused(os.getppid()))
"""


@pytest.fixture
def bystander() -> Iterator[int]:
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process.pid
        process.kill()


def test_pid_of_a_former_ancestor_is_an_ordinary_process(
    bystander: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has the pid by now: the first look alone would always refuse it."""
    monkeypatch.setattr(identity, "_first_ancestry", lambda _pid: frozenset({bystander}))
    assert identity.identify(key_of(bystander)).key == key_of(bystander)


def test_new_parent_of_an_orphan_was_its_ancestor_before() -> None:
    """What the cache relies on: no process becomes an ancestor after the start."""
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "True True\n"


def test_process_is_opened_as_long_as_it_is_what_it_was(bystander: int) -> None:
    target = identity.identify(key_of(bystander))
    os.close(identity.open_process(target))
    os.close(identity.open_process(replace(target, cgroup="/other"), same_cgroup=False))
    with pytest.raises(identity.RefusedError, match="moved to the cgroup"):
        identity.open_process(replace(target, cgroup="/other"))
    with pytest.raises(identity.RefusedError, match="runs another program now"):
        identity.open_process(replace(target, program=(1, 1)))


def test_thread_is_not_a_process() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        with pytest.raises(GoneError, match="has ended"):
            identity.identify(ProcessKey(thread.native_id, 1))
    finally:
        stop.set()
        thread.join()


def test_init_and_ebpftrace_itself_are_refused() -> None:
    with pytest.raises(identity.RefusedError, match="init process"):
        identity.identify(ProcessKey(1, 0))
    with pytest.raises(identity.RefusedError, match="ebpftrace itself"):
        identity.identify(key_of(os.getpid()))


@pytest.mark.parametrize(
    ("cgroup", "given_path", "refused"),
    [
        ("/user/a", "/user", False),
        ("/user", "/user", False),
        ("/user-of-others/a", "/user", True),
        ("/other", "/user", True),
        ("/other", "/", True),  # where nothing was given to the job
        ("/other", "", True),
    ],
)
def test_a_job_moves_its_process_only_within_what_was_given_to_it(
    bystander: int,
    monkeypatch: pytest.MonkeyPatch,
    cgroup: str,
    given_path: str,
    refused: bool,
) -> None:
    target = replace(identity.identify(key_of(bystander), given_path), cgroup="/user/b")
    monkeypatch.setattr(identity, "memory_cgroup", lambda _pid: cgroup)
    if refused:
        with pytest.raises(identity.RefusedError, match="moved to the cgroup"):
            identity.open_process(target)
    else:
        os.close(identity.open_process(target))


@pytest.mark.parametrize("change", [{"cgroup": "/elsewhere"}, {"program": (1, 1)}])
def test_a_process_that_is_ending_has_not_moved(
    bystander: int, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    target = replace(identity.identify(key_of(bystander)), **change)
    monkeypatch.setattr("ebpftrace.host.proc.is_dying", lambda _pid: True)
    with pytest.raises(GoneError, match="has ended"):
        identity.open_process(target)
