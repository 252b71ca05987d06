"""What ebpftrace itself uses, as part of every snapshot."""

from collections.abc import Callable
from pathlib import Path

from ebpftrace.host import proc
from ebpftrace.ledger import SelfCost
from ebpftrace.probe import Probe

_STATS_ENABLED = Path("/proc/sys/kernel/bpf_stats_enabled")


class CostMeter:
    """Reads our own CPU time and memory, and the kernel programs' where it is counted.

    Without a probe there are no programs.
    """

    def __init__(self, probe: Probe | None, clock: Callable[[], int]) -> None:
        self._probe = probe
        self._clock = clock
        self._counted = (
            probe is not None
            and _STATS_ENABLED.exists()
            and _STATS_ENABLED.read_text(encoding="utf-8").strip() == "1"
        )
        self._last: tuple[int, int] | None = None  # time and CPU time, ns

    @staticmethod
    def resident_bytes() -> int:
        """Our own memory now."""
        return proc.self_cost().rss_bytes

    def read(self, *, lag_ns: int) -> SelfCost:
        """The cost so far; `cpu_share` is since the last call, and 0 in the first.

        The first call follows the start, whose cost says nothing about the watch.
        """
        now, own = self._clock(), proc.self_cost()
        share = 0.0
        if self._last is not None:
            last_ns, last_cpu_ns = self._last
            share = (own.cpu_ns - last_cpu_ns) / max(1, now - last_ns)
        self._last = now, own.cpu_ns
        cost = SelfCost(own.cpu_ns, share, own.rss_bytes, lag_ns=lag_ns)
        if self._probe is None:
            return cost
        return cost._replace(
            bpf_run_ns=self._probe.run_time_ns() if self._counted else None,
            drift_bytes=self._probe.drift_bytes,
        )
