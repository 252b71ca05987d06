import signal
import subprocess
from collections.abc import Iterator

import pytest

from ebpftrace.events import ProcessKey
from tests.support.incidents import key_of
from tests.support.process_state import state, until


@pytest.fixture
def sleeper() -> Iterator[ProcessKey]:
    """A stopped process."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.send_signal(signal.SIGSTOP)
        until(lambda: state(process.pid) == "T")
        yield key_of(process.pid)
        process.kill()
