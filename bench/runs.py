"""What `ebpftrace run` costs a command that does nothing, until it begins and until its end."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.breaches import Hooks, hook
from bench.figures import Row, Table
from bench.scale import Scale
from ebpftrace.units import NS_PER_SECOND
from tests.support.cgroups import memory_cgroup

ALONE = "the command alone"
_FIRST = {"EBPFTRACE_CACHE_DIR": "/dev/null/cache"}  # cannot be made: nothing is kept
_SECONDS = 60.0


def measure(scale: Scale) -> Iterator[Table]:
    """Seconds, `start_rounds` times each in turn."""
    run = (sys.executable, "-m", "ebpftrace", "run", "--quiet", "--")
    conditions: dict[str, tuple[Sequence[str], dict[str, str]]] = {
        ALONE: ((), {}),
        "ebpftrace run": (run, {}),
        "… the first on a machine": (run, _FIRST),
    }
    begun: dict[str, list[float]] = {label: [] for label in conditions}
    ended: dict[str, list[float]] = {label: [] for label in conditions}
    with tempfile.TemporaryDirectory() as name, memory_cgroup() as group:
        hooks = Hooks(Path(name))
        try:
            for _ in range(scale.start_rounds):
                for label, (prefix, environment) in conditions.items():
                    start_ns = time.monotonic_ns()
                    subprocess.run(
                        group.inside([*prefix, hook(), hooks.path, str(os.getpid())]),
                        env={**os.environ, **environment}, check=True, timeout=_SECONDS,
                    )  # fmt: skip
                    end_ns = time.monotonic_ns()
                    began_ns = hooks.began(os.getpid())
                    begun[label].append((began_ns - start_ns) / NS_PER_SECOND)
                    ended[label].append((end_ns - start_ns) / NS_PER_SECOND)
        finally:
            hooks.close()
    rounds = f"{scale.start_rounds} times each"
    for what, samples in (("first instruction", begun), ("end", ended)):
        rows = tuple(Row(label, tuple(taken)) for label, taken in samples.items())
        yield Table("run", f"start to the command's {what}, {rounds}", "s", rows, against=ALONE)
