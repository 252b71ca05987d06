"""A pid that was one process's before, given to another by the kernel's own means."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.build import reuse_binary
from tests.support.cgroups import MemoryCgroup
from tests.support.patience import patient
from tests.support.sessions import end_session, session_mark

SECONDS = patient(20.0)


@contextmanager
def reused(pid: int, argv: Sequence[str | Path], group: MemoryCgroup) -> Iterator[None]:
    """`argv` runs in the cgroup as this pid, which must be free or about to be.

    The clock of /proc counts in 10 ms: start it later than that after the first one did.
    """
    mark = session_mark()
    parent = subprocess.Popen(
        [str(reuse_binary()), str(pid), *group.inside(argv)],
        env={**os.environ, **mark},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while pid not in group.pids():
            assert parent.poll() is None, "the pid was not to be had"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        yield
    finally:
        end_session(parent, mark)
