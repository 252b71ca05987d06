"""There is a guardian, or it is said why not: once, and again where it comes and goes."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.watchdog_supervisor import WatchdogSupervisor
from ebpftrace.probe import watchdog

SECONDS = 30.0

# In the guardian's place: what it does with a map needs the right to make one.
WAITS = "import os, sys\nos.read(int(sys.argv[2]), 1)\n"


@pytest.fixture
def warden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchdogSupervisor]:
    script = tmp_path / "waits.py"
    script.write_text(WAITS)
    monkeypatch.setattr(watchdog, "__file__", str(script))
    warden = WatchdogSupervisor(0)
    yield warden
    warden.close()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.002)


def pid_of(warden: WatchdogSupervisor) -> int:
    assert warden.pid is not None
    return warden.pid


def test_as_long_as_it_lives_there_is_nothing_to_say(warden: WatchdogSupervisor) -> None:
    assert [warden.check(), warden.check()] == ["", ""]


def test_each_death_is_told_and_another_takes_its_place(warden: WatchdogSupervisor) -> None:
    for _ in range(2):
        first = pid_of(warden)
        kill(first)
        assert warden.check().endswith("ended by signal 9; another one took its place")
        assert pid_of(warden) != first
        assert warden.check() == ""


def test_one_that_cannot_be_started_is_tried_again_and_told_once(
    warden: WatchdogSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(pid_of(warden))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nonexistent/python")
        assert warden.check() == (
            "stopped processes have no guardian: No such file or directory"
        )
        assert warden.pid is None
        assert warden.check() == ""
    warden.check()
    assert pid_of(warden) > 0


def test_it_is_in_a_session_of_its_own_and_holds_nothing_of_ours(
    warden: WatchdogSupervisor,
) -> None:
    pid = pid_of(warden)
    assert os.getsid(pid) == pid
    links: dict[str, str] = {}
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a file that Python starts from
            links[one.name] = str(one.readlink())
    assert links.pop("1") == links.pop("2") == "/dev/null"
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert len([link for link in links.values() if link.startswith("pipe:")]) <= 1


def test_closing_reaps_it(warden: WatchdogSupervisor) -> None:
    other = WatchdogSupervisor(0)
    pid = pid_of(other)
    other.close()
    assert not Path(f"/proc/{pid}").exists()
    assert warden.check() == ""
