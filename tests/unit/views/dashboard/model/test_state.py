from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.model.state import WINDOWS_NS, DashboardState


def test_folding_all_turns_what_is_named_around() -> None:
    some = DashboardState(folded=frozenset({"a"}))
    assert (some.is_folded("a"), some.is_folded("b")) == (True, False)
    others = DashboardState(folded=frozenset({"a"}), all_folded=True)
    assert (others.is_folded("a"), others.is_folded("b")) == (False, True)


def test_it_looks_back_on_five_minutes_at_first() -> None:
    assert DashboardState().window_ns == 300 * NS_PER_SECOND
    assert [DashboardState(window=n).window_ns for n in range(len(WINDOWS_NS))] == list(
        WINDOWS_NS
    )
