"""Whether the memory of `ebpftrace serve` grows while very many jobs come and go.

The jobs of a day pass in an hour.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from bench.figures import Row, Table
from bench.scale import Scale
from bench.serve import serving
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.workload import status

_PARTS = 5
_KEPT_SECONDS = 12
"""Five minutes, which is the default, in a day that passes in an hour."""


def measure(scale: Scale) -> Iterator[Table]:
    """Each job is a CI run of its own, in a cgroup of its own, with one short process."""
    rows = []
    jobs = scale.churned_jobs // _PARTS
    with (
        tempfile.TemporaryDirectory() as name,
        memory_cgroup() as parent,
        serving("--comm", "churned", "--keep-ended", f"{_KEPT_SECONDS}s",
                "--history", f"{name}/history") as served,
    ):  # fmt: skip
        program = Path(name) / "churned"
        shutil.copy("/bin/true", program)
        numbers = count()
        began = time.monotonic()
        for part in range(1, _PARTS + 1):
            for _ in range(jobs):
                number = next(numbers)
                due = began + number * scale.churn_seconds / scale.churned_jobs
                time.sleep(max(0.0, due - time.monotonic()))
                _run_job(parent, program, number)
            served.scrape(compressed=True)
            resident = status(served.pid)["VmRSS"] / 2**20
            rows.append(Row(f"after {part * jobs:,} jobs", (resident,)))
        taken = served.sample("ebpftrace_snapshots_total")
    yield Table(
        "churn", "resident memory while jobs come and go", "MiB", tuple(rows),
        footnotes=(
            f"ended jobs keep their series for {_KEPT_SECONDS} s; {taken:.0f} snapshots",
        ),
    )  # fmt: skip


def _run_job(parent: MemoryCgroup, program: Path, number: int) -> None:
    run = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": str(number),
           "GITHUB_REPOSITORY": "acme/app", "GITHUB_JOB": f"job{number % 100}"}  # fmt: skip
    with memory_cgroup(1 << 28, parent=parent) as job:
        subprocess.run(job.inside([program]), check=True, env=os.environ | run)
