"""The unit of deploy/systemd under a real systemd: its start, reload, ends and watchdog."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.systemd import Unit, require_systemd, stop, unit_name
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

FILE = ROOT / "deploy" / "systemd" / "ebpftrace.service"
FOLDER = Path("/run/systemd/system")
PORT = 19435


@contextmanager
def installed(comm: str) -> Iterator[Unit]:
    """The unit under another name, with this clone's program; the rest is as it is shipped."""
    unit = Unit(unit_name())
    program = f"{sys.executable} -P -m ebpftrace serve --listen 127.0.0.1:{PORT} --comm {comm}"
    text = FILE.read_text(encoding="utf-8")
    started = f"ExecStart={program}\nEnvironment=PYTHONPATH={ROOT}"
    text, changed = re.subn(r"ExecStart=.*", started, text)
    assert changed == 1
    text = re.sub(r"WatchdogSec=.*", "WatchdogSec=4", text)
    file = FOLDER / unit.name
    file.write_text(text, encoding="utf-8")
    try:
        systemctl("daemon-reload")
        yield unit
    finally:
        stop(unit.name)
        file.unlink()
        systemctl("daemon-reload")


def systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", *arguments], check=True, timeout=4 * SECONDS)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 4 * SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def asked(path: str) -> tuple[int, str]:
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=SECONDS)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        client.close()


@pytest.mark.timeout(600)
def test_unit_is_ready_reloads_and_comes_back_after_each_end() -> None:
    require_systemd()
    comm = unique_comm()
    with installed(comm) as unit, memory_cgroup() as group, Workload(comm, cgroup=group):
        systemctl("start", unit.name)  # returns once it has reported READY
        first = unit.pid
        assert unit.show("ActiveState") == "active"
        assert asked("/readyz")[0] == 200
        assert f'comm="{comm}"' in asked("/metrics")[1]
        score = Path(f"/proc/{first}/oom_score_adj").read_text(encoding="ascii")
        assert score.strip() == "-900"
        systemctl("reload", unit.name)
        until(lambda: unit.show("ActiveState") == "active")
        assert unit.pid == first

        os.kill(first, signal.SIGKILL)
        until(lambda: unit.show("NRestarts") == "1" and unit.show("ActiveState") == "active")
        second = unit.pid
        assert second != first
        assert f'comm="{comm}"' in asked("/metrics")[1]

        os.kill(second, signal.SIGSTOP)  # it takes no snapshot any more
        until(lambda: unit.show("NRestarts") == "2" and unit.show("ActiveState") == "active")
        assert unit.pid not in (first, second)
        systemctl("stop", unit.name)
        assert unit.show("Result") == "success"
        assert unit.show("ActiveState") == "inactive"
