"""The CPU time of the watch with many processes in many cgroups."""

import contextlib
import subprocess
import time
from collections.abc import Iterator

from bench.figures import Table
from bench.footprint import cpu_rows
from bench.observers import bpftrace_counting, ebpftrace, running, storm
from bench.scale import Scale
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.workload import status

_BPFTRACE = "bpftrace counting kmem:rss_stat"


def measure(scale: Scale) -> Iterator[Table]:
    """CPU with `tracked_processes` in `tracked_cgroups`, each moving 64 KiB a second."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_held(scale))
        observers = [ebpftrace("ebpftrace --output jsonl", "--comm", "storm-*")]
        observers += [one] if (one := bpftrace_counting(_BPFTRACE, seconds=1)) else []
        watches = [(one, stack.enter_context(running(one))) for one in observers]
        time.sleep(min(1.0, scale.tracked))
        rows = cpu_rows(watches, scale.tracked)
        resident = status(watches[0][1].pid)["VmRSS"] / 2**20
    yield Table(
        "tracked",
        f"CPU time with {scale.tracked_processes} processes in {scale.tracked_cgroups} "
        f"cgroups, an update a second, over {scale.tracked:g} s",
        "ms/s",
        rows,
        against=_BPFTRACE,
        footnotes=(f"ebpftrace's resident memory then: {resident:.1f} MiB",),
    )


@contextlib.contextmanager
def _held(scale: Scale) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        parent = stack.enter_context(memory_cgroup())
        groups: list[MemoryCgroup] = [
            stack.enter_context(memory_cgroup(parent=parent))
            for _ in range(scale.tracked_cgroups)
        ]
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for number in range(scale.tracked_processes):
                group = groups[number % len(groups)]
                processes.append(group.run([storm(), "hold"]))
            yield
        finally:
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()
