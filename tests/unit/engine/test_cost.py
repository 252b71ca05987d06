"""What the watch takes itself, by its own real CPU time; the probe is no part of it."""

import time
from typing import cast

from ebpftrace.engine.cost import CostMeter
from ebpftrace.probe import Probe


class NoProbe:
    """Stands for one that corrected nothing: loading a real one is the kernel tests'."""

    drift_bytes = 0

    def run_time_ns(self) -> int:
        return 0


def burn(cpu_ns: int) -> None:
    until = time.process_time_ns() + cpu_ns
    while time.process_time_ns() < until:
        pass


def test_there_is_no_share_before_there_was_an_interval() -> None:
    meter = CostMeter(cast(Probe, NoProbe()), time.monotonic_ns)
    burn(50_000_000)
    first = meter.read(lag_ns=7)
    assert (first.cpu_share, first.lag_ns) == (0.0, 7)
    assert first.cpu_ns >= 50_000_000
    burn(50_000_000)
    assert meter.read(lag_ns=0).cpu_share > 0
