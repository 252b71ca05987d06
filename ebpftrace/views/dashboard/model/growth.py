"""Whether a growth of 0 is known or only not measured yet."""

from ebpftrace.ledger import Curve
from ebpftrace.ledger.climbs.climb import WARM_UP_NS
from ebpftrace.ledger.growth import WINDOW_NS
from ebpftrace.units import NS_PER_SECOND


def is_growth_known(curve: Curve) -> bool:
    """True once a curve is old enough for a rate."""
    seconds, buckets = curve.buckets(WINDOW_NS)
    return (len(buckets) - 1) * seconds * NS_PER_SECOND >= WARM_UP_NS
