from ebpftrace.ledger import Curve
from ebpftrace.views.dashboard.model.growth import is_growth_known
from tests.support import dashboards


def test_a_young_curve_is_not_known_to_be_steady() -> None:
    assert not is_growth_known(Curve())
    assert not is_growth_known(dashboards.curve(lambda _: 1, 7))
    assert is_growth_known(dashboards.curve(lambda _: 1, 8))
    assert is_growth_known(dashboards.curve(lambda _: 1, 900))
