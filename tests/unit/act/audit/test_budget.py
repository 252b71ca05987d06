"""The budget over restarts and under clocks that jump."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.audit.budget import KEPT_NS, Moment, Spending
from ebpftrace.act.policy.policy import Budget
from ebpftrace.units import NS_PER_SECOND

S = NS_PER_SECOND
TWO = Budget(restarts=2, window_ns=100 * S)


def at(seconds: float, unix: float | None = None, boot: str = "a") -> Moment:
    """A moment so long after a boot; Unix time goes with it unless said otherwise."""
    told = 1_000_000 + seconds if unix is None else unix
    return Moment(round(told * S), round(seconds * S), boot)


def spent(*moments: Moment) -> Spending:
    spending = Spending()
    for moment in moments:
        spending.spend("job", moment)
    return spending


def test_so_many_and_no_more() -> None:
    assert spent(at(0)).exhausted("job", TWO, at(1)) == ""
    told = spent(at(0), at(10)).exhausted("job", TWO, at(20))
    assert told == "budget spent: 2 restarts in 1m40s; the next in 1m20s"


def test_what_left_the_window_is_free_again() -> None:
    assert spent(at(0), at(10)).exhausted("job", TWO, at(100.5)) == ""
    assert spent(at(0), at(10)).exhausted("job", TWO, at(99.5))


def test_jobs_have_budgets_of_their_own() -> None:
    assert spent(at(0), at(1)).exhausted("another", TWO, at(2)) == ""


def test_none_at_all() -> None:
    nothing = Budget(restarts=0, window_ns=S)
    assert spent().exhausted("job", nothing, at(0)) == "the budget allows no restart"


def test_a_refund_makes_room() -> None:
    spending = spent(at(0), at(1))
    spending.refund("job")
    assert spending.exhausted("job", TWO, at(2)) == ""
    spending.refund("never seen")


def test_what_was_booked_under_an_older_name_is_adopted_once() -> None:
    spending = spent(at(0))
    spending.rest("job", at(5))
    for _ in range(2):
        spending.adopt("job", "lasting")
    spending.adopt("lasting", "lasting")
    assert spending.exhausted("lasting", TWO, at(6)) == ""
    spending.spend("lasting", at(6))
    assert spending.exhausted("lasting", TWO, at(7))
    assert spending.resting_ns("lasting", 60 * S, at(10)) == 55 * S
    assert spending.resting_ns("job", 60 * S, at(10)) == 0


def test_a_clock_that_jumps_forward_frees_nothing() -> None:
    """As NTP does it after a boot: Unix time leaps, the boot clock does not."""
    assert spent(at(0), at(1)).exhausted("job", TWO, at(2, unix=99_000_000))


def test_a_clock_that_is_set_back_frees_nothing_and_blocks_nothing() -> None:
    assert spent(at(0), at(1)).exhausted("job", TWO, at(2, unix=1))
    assert spent(at(0), at(1)).exhausted("job", TWO, at(200, unix=1)) == ""


def test_across_a_reboot_unix_time_counts() -> None:
    before = (at(500, unix=1000), at(510, unix=1010))
    assert spent(*before).exhausted("job", TWO, at(5, unix=1050, boot="b"))
    assert spent(*before).exhausted("job", TWO, at(5, unix=1200, boot="b")) == ""


def test_across_a_reboot_a_clock_set_back_keeps_the_budget_spent() -> None:
    before = (at(500, unix=1000), at(510, unix=1010))
    assert spent(*before).exhausted("job", TWO, at(5, unix=3, boot="b"))


def test_a_job_rests_after_an_incident() -> None:
    spending = Spending()
    assert spending.resting_ns("job", 60 * S, at(0)) == 0
    spending.rest("job", at(10))
    assert spending.resting_ns("job", 60 * S, at(30)) == 40 * S
    assert spending.resting_ns("job", 60 * S, at(70)) == 0
    assert spending.resting_ns("another", 60 * S, at(30)) == 0


def test_what_is_older_than_a_day_is_forgotten() -> None:
    spending = spent(at(0), at(1))
    spending.rest("job", at(2))
    later = at(KEPT_NS / S + 3)
    spending.rest("another", later)
    assert spending.exhausted("job", Budget(1, 2 * KEPT_NS), later) == ""
    assert spending.resting_ns("job", 2 * KEPT_NS, later) == 0


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**9), 10**9))))
def test_no_clock_makes_more_room_than_the_window_has(steps: list[tuple[int, int]]) -> None:
    """Whatever Unix time does within a boot: never more than two in any hundred seconds."""
    spending, now, allowed = Spending(), 0, []
    for pause, jump in steps:
        now += pause % 60
        moment = at(now, unix=max(0, 10**9 + jump))
        if not spending.exhausted("job", TWO, moment):
            spending.spend("job", moment)
            allowed.append(now)
    assert all(third - first >= 100 for first, third in zip(allowed, allowed[2:], strict=False))


def test_a_moment_survives_being_written_down() -> None:
    now = Moment.now()
    assert Moment.of_record(now.record()) == now
    assert now.since(now) == 0
