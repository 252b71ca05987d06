"""What the watch uses itself, by its own real CPU time; the probe is a fake."""

import time
from typing import cast

from ebpftrace.engine.cost import CostMeter
from ebpftrace.probe import Probe


class NoProbe:
    """It corrected nothing; a real one is loaded in tests/kernel."""

    drift_bytes = 0

    def run_time_ns(self) -> int:
        return 0


def burn(cpu_ns: int) -> None:
    until = time.process_time_ns() + cpu_ns
    while time.process_time_ns() < until:
        pass


def test_first_reading_has_no_cpu_share() -> None:
    meter = CostMeter(cast(Probe, NoProbe()), time.monotonic_ns)
    burn(50_000_000)
    first = meter.read(lag_ns=7)
    assert (first.cpu_share, first.lag_ns) == (0.0, 7)
    assert first.cpu_ns >= 50_000_000
    burn(50_000_000)
    assert meter.read(lag_ns=0).cpu_share > 0
