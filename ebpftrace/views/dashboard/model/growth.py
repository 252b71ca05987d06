"""Whether a growth of nothing is known to be one: a young curve has no rate yet."""

from ebpftrace.ledger import Curve
from ebpftrace.ledger.climb import WARM_UP_NS
from ebpftrace.ledger.history import WINDOW_NS
from ebpftrace.units import NS_PER_SECOND


def is_growth_known(curve: Curve) -> bool:
    """Whether a curve is old enough for a rate, or for saying that there is none."""
    seconds, buckets = curve.buckets(WINDOW_NS)
    return (len(buckets) - 1) * seconds * NS_PER_SECOND >= WARM_UP_NS
