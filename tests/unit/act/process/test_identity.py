"""Whose pid is an ancestor's: by a look at the start, and a new one where it matters."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ebpftrace.act.process import identity
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


def test_who_left_our_line_is_an_ordinary_process(
    bystander: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pid is another's by now: the first look alone would refuse that one for ever."""
    monkeypatch.setattr(identity, "_first_line", lambda _pid: frozenset({bystander}))
    assert identity.identify(key_of(bystander)).key == key_of(bystander)


def test_an_orphans_new_parent_was_its_ancestor_before() -> None:
    """The kernel's side of it: nobody joins the line of a process after its start."""
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "True True\n"


def test_who_has_ended_is_seen_before_it_is_waited_for() -> None:
    with subprocess.Popen(["sleep", "100"]) as child:
        key = key_of(child.pid)
        assert not identity.has_ended(key)
        assert identity.has_ended(replace(key, start_boottime_ns=key.start_boottime_ns + 10**9))
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert identity.has_ended(key)
    assert identity.has_ended(key)
