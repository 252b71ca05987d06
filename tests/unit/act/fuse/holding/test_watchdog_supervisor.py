"""There is always a watchdog; every trouble with it is reported once."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.act.fuse.holding.watchdog_supervisor import WatchdogSupervisor
from ebpftrace.probe import watchdog
from tests.support.process_state import state, until

# Instead of the watchdog, which needs the right to create a map.
WAITS = "import os, sys\nos.read(int(sys.argv[2]), 1)\n"


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchdogSupervisor]:
    script = tmp_path / "waits.py"
    script.write_text(WAITS)
    monkeypatch.setattr(watchdog, "__file__", str(script))
    supervisor = WatchdogSupervisor(0)
    yield supervisor
    supervisor.close()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: state(pid) == "Z")


def pid_of(supervisor: WatchdogSupervisor) -> int:
    assert supervisor.pid is not None
    return supervisor.pid


def test_running_watchdog_is_not_reported(supervisor: WatchdogSupervisor) -> None:
    assert [supervisor.check(), supervisor.check()] == ["", ""]


def test_each_death_is_reported_and_a_new_one_started(supervisor: WatchdogSupervisor) -> None:
    for _ in range(2):
        first = pid_of(supervisor)
        kill(first)
        assert supervisor.check().endswith("ended by signal 9; a new one was started")
        assert pid_of(supervisor) != first
        assert supervisor.check() == ""


def test_failed_start_is_reported_once_and_tried_again(
    supervisor: WatchdogSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(pid_of(supervisor))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nonexistent/python")
        assert supervisor.check() == (
            "stopped processes have no watchdog: No such file or directory"
        )
        assert supervisor.pid is None
        assert supervisor.check() == ""
    supervisor.check()
    assert pid_of(supervisor) > 0


def test_watchdog_has_its_own_session_and_none_of_our_files(
    supervisor: WatchdogSupervisor,
) -> None:
    pid = pid_of(supervisor)
    assert os.getsid(pid) == pid
    links: dict[str, str] = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a file that Python reads at its start
            links[link.name] = str(link.readlink())
    assert links.pop("1") == links.pop("2") == "/dev/null"
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert len([to for to in links.values() if to.startswith("pipe:")]) <= 1


def test_close_reaps_it(supervisor: WatchdogSupervisor) -> None:
    other = WatchdogSupervisor(0)
    pid = pid_of(other)
    other.close()
    assert not Path(f"/proc/{pid}").exists()
    assert supervisor.check() == ""
