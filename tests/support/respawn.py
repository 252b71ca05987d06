"""A parent that starts its leaking child again whenever that ends, as supervisors do."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.cgroups import MemoryCgroup
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

COMM = f"leaky{os.getpid()}"
"""Of this run alone: a watch sees every process of the machine that is called so."""

_SCRIPT = """
while :; do
  { sleep "$1"; for i in $(seq 0 99); do echo "map 8MiB"; echo "touch $i"; sleep 0.05; done; } |
    "$0" >/dev/null
done
"""


@contextmanager
def respawned(
    group: MemoryCgroup, calm_seconds: float = 6, **environment: str
) -> Iterator[None]:
    """Each child is calm for so long, and then gains up to 160 MiB a second."""
    program = Workload(COMM)
    mark = session_mark()
    parent = group.run(
        ["sh", "-c", _SCRIPT, program.program, str(calm_seconds)],
        env={**os.environ, **environment, **mark},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        end_session(parent, mark)
