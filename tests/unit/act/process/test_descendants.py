"""Descendants as targets."""

import os
import subprocess
import sys

from ebpftrace.act.process.descendants import _MOST_READS, descendants_of
from ebpftrace.act.process.identity import identify
from ebpftrace.host.proc import read_comm
from tests.support.effort import effort_of
from tests.support.incidents import key_of
from tests.support.process_state import until


def test_descendants_are_targets() -> None:
    script = "sleep 100 & echo $!; exec sleep 100"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            until(lambda: read_comm(child) == read_comm(parent.pid) == "sleep")
            found = descendants_of(key_of(parent.pid))
            assert [target.key.pid for target in found] == [child]
            assert found == (identify(key_of(child)),)
        finally:
            for target in descendants_of(key_of(parent.pid)):
                os.kill(target.key.pid, 9)
            parent.kill()
    assert descendants_of(key_of(os.getpid())) == ()


def test_few_threads_are_looked_at_however_many_a_process_has() -> None:
    """It is done before each signal, on the engine's thread."""
    threads = "import threading as t, time\nfor _ in range({}):\n"
    threads += " t.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    threads += "print(flush=True)\ntime.sleep(600)"
    steps = []
    for count in (10, 110, 2 * _MOST_READS):
        command = [sys.executable, "-c", threads.format(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                process.stdout.readline()
                steps.append(effort_of(lambda: descendants_of(key_of(process.pid))).steps)
            finally:
                process.kill()
    few, hundred_more, many = steps
    assert many - few < 1.2 * (hundred_more - few) * _MOST_READS / 100
