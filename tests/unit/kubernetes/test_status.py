"""How long the API is away."""

from ebpftrace.kubernetes.status import ApiStatus
from ebpftrace.units import NS_PER_SECOND


def test_the_api_is_away_since_it_last_answered() -> None:
    now_ns = 100 * NS_PER_SECOND
    assert ApiStatus(False, 40 * NS_PER_SECOND, "refused").away_seconds(now_ns) == 60.0
    assert ApiStatus(True, 40 * NS_PER_SECOND).away_seconds(now_ns) == 0.0
