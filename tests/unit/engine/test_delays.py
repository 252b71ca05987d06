"""Delay accounting: the real delays of a real process, and the errors without it.

The sysctl is the machine's: the tests read it and leave it as it is.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.counters import Delays
from ebpftrace.engine.delays import DelayReader, require_accounting
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessKey

SWITCH = Path("/proc/sys/kernel/task_delayacct")


def fake_root(root: Path, switch: str | None) -> Path:
    """A /proc with, or without, the switch: this machine has it in one state only."""
    folder = root / "proc/sys/kernel"
    folder.mkdir(parents=True)
    if switch is not None:
        (folder / "task_delayacct").write_text(switch)
    return root


def test_missing_accounting_of_this_machine_is_explained() -> None:
    if SWITCH.exists() and SWITCH.read_text(encoding="utf-8").strip() == "1":
        require_accounting()
        return
    with pytest.raises(EbpftraceError) as caught:
        require_accounting()
    assert caught.value.exit_code == 1
    assert "kernel.task_delayacct" in caught.value.why
    assert "--delays" in caught.value.fix


def test_error_depends_on_whether_accounting_can_be_switched_on(tmp_path: Path) -> None:
    require_accounting(fake_root(tmp_path / "on", "1\n"))
    with pytest.raises(EbpftraceError) as off:
        require_accounting(fake_root(tmp_path / "off", "0\n"))
    assert "is 0" in off.value.why
    assert "sysctl kernel.task_delayacct=1" in off.value.fix
    with pytest.raises(EbpftraceError) as without:
        require_accounting(fake_root(tmp_path / "without", None))
    assert "has no kernel.task_delayacct" in without.value.why
    assert "sysctl" not in without.value.fix


@pytest.mark.kernel
def test_delays_are_read_of_a_running_process_and_not_of_an_ended_one() -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        gone.wait()
    here, there = ProcessKey(os.getpid(), 1), ProcessKey(gone.pid, 2)
    reader = DelayReader()
    try:
        (event,) = reader.read(77, [here, there])
    finally:
        reader.close()
    assert (event.time_ns, event.key) == (77, here)
    assert isinstance(event.delays, Delays)
    if not (SWITCH.exists() and SWITCH.read_text(encoding="utf-8").strip() == "1"):
        assert event.delays == Delays(0, 0, 0)


def test_watch_without_delays_does_not_import_pyroute2() -> None:
    code = (
        "import sys, ebpftrace.engine; "
        "sys.exit(any(name.partition('.')[0] in ('pyroute2', 'asyncio', 'ssl')"
        " for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
