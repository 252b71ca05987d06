"""Descendants as targets."""

import os
import subprocess

from ebpftrace.act.process.descendants import descendants_of
from ebpftrace.act.process.identity import identify
from ebpftrace.host.proc import read_comm
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
