"""The budget across restarts of ebpftrace, and with clocks that jump."""

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.audit.budget import KEPT_NS, Moment, Spending
from ebpftrace.act.policy.policy import Budget
from ebpftrace.units import NS_PER_SECOND

S = NS_PER_SECOND
TWO = Budget(restarts=2, window_ns=100 * S)


def at(seconds: float, unix: float | None = None, boot: str = "a") -> Moment:
    """A moment that many seconds after a boot; Unix time advances with it by default."""
    unix = 1_000_000 + seconds if unix is None else unix
    return Moment(round(unix * S), round(seconds * S), boot)


def spent(*moments: Moment) -> Spending:
    spending = Spending()
    for moment in moments:
        spending.spend(["job"], moment)
    return spending


def test_a_spent_budget_refuses_and_says_when_the_next_is_free() -> None:
    assert spent(at(0)).refusal(["job"], TWO, at(1)) == ""
    refusal = spent(at(0), at(10)).refusal(["job"], TWO, at(20))
    assert refusal == "budget spent: 2 restarts in 1m40s; the next in 1m20s"


def test_an_end_that_left_the_window_is_free_again() -> None:
    assert spent(at(0), at(10)).refusal(["job"], TWO, at(100.5)) == ""
    assert spent(at(0), at(10)).refusal(["job"], TWO, at(99.5))


def test_jobs_have_budgets_of_their_own() -> None:
    assert spent(at(0), at(1)).refusal(["another"], TWO, at(2)) == ""


def test_a_budget_of_zero_always_refuses() -> None:
    nothing = Budget(restarts=0, window_ns=S)
    assert spent().refusal(["job"], nothing, at(0)) == "the budget allows no restart"


def test_a_refund_frees_the_budget() -> None:
    spending = spent(at(0), at(1))
    spending.refund(["job"])
    assert spending.refusal(["job"], TWO, at(2)) == ""
    spending.refund(["never seen"])


def test_a_unix_clock_that_jumps_forward_frees_nothing() -> None:
    """NTP may set it forward after a boot; the boot clock does not jump."""
    assert spent(at(0), at(1)).refusal(["job"], TWO, at(2, unix=99_000_000))


def test_a_unix_clock_that_is_set_back_neither_frees_nor_blocks() -> None:
    assert spent(at(0), at(1)).refusal(["job"], TWO, at(2, unix=1))
    assert spent(at(0), at(1)).refusal(["job"], TWO, at(200, unix=1)) == ""


def test_across_a_reboot_unix_time_decides() -> None:
    before = (at(500, unix=1000), at(510, unix=1010))
    assert spent(*before).refusal(["job"], TWO, at(5, unix=1050, boot="b"))
    assert spent(*before).refusal(["job"], TWO, at(5, unix=1200, boot="b")) == ""


def test_across_a_reboot_a_clock_set_back_keeps_the_budget_spent() -> None:
    before = (at(500, unix=1000), at(510, unix=1010))
    assert spent(*before).refusal(["job"], TWO, at(5, unix=3, boot="b"))


def test_the_cool_down_is_per_job_and_ends() -> None:
    spending = Spending()
    assert spending.cooldown_left_ns("job", 60 * S, at(0)) == 0
    spending.start_cooldown("job", at(10))
    assert spending.cooldown_left_ns("job", 60 * S, at(30)) == 40 * S
    assert spending.cooldown_left_ns("job", 60 * S, at(70)) == 0
    assert spending.cooldown_left_ns("another", 60 * S, at(30)) == 0


def test_entries_older_than_a_day_are_dropped() -> None:
    spending = spent(at(0), at(1))
    spending.start_cooldown("job", at(2))
    later = at(KEPT_NS / S + 3)
    spending.start_cooldown("another", later)
    assert spending.refusal(["job"], Budget(1, 2 * KEPT_NS), later) == ""
    assert spending.cooldown_left_ns("job", 2 * KEPT_NS, later) == 0


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**9), 10**9))))
def test_no_unix_clock_allows_a_third_end_in_a_window(
    steps: list[tuple[int, int]],
) -> None:
    """Whatever Unix time does within a boot."""
    spending, now, allowed = Spending(), 0, []
    for pause, jump in steps:
        now += pause % 60
        moment = at(now, unix=max(0, 10**9 + jump))
        if not spending.refusal(["job"], TWO, moment):
            spending.spend(["job"], moment)
            allowed.append(now)
    assert all(third - first >= 100 for first, third in zip(allowed, allowed[2:], strict=False))


def test_a_moment_is_read_back_from_its_record() -> None:
    now = Moment.now()
    assert Moment.of_record(now.record()) == now
    assert now.since(now) == 0


def test_runs_of_a_cgroup_have_one_budget_whatever_they_are_called() -> None:
    spending = Spending()
    for second, run in enumerate(("one", "two")):
        assert spending.refusal([run, "cgroup"], TWO, at(second)) == ""
        spending.spend([run, "cgroup"], at(second))
    refusal = spending.refusal(["three", "cgroup"], TWO, at(3))
    assert refusal.startswith("budget of all runs in the cgroup spent: 2 restarts in ")
    spending.refund(["two", "cgroup"])
    assert spending.refusal(["three", "cgroup"], TWO, at(3)) == ""


def test_name_of_another_run_spends_nothing_in_another_cgroup() -> None:
    """The account of a run has the path of its cgroup."""
    spending = Spending()
    for second in (0, 1):
        spending.spend(["/mine victim", "/mine"], at(second))
    assert spending.refusal(["/theirs victim", "/theirs"], TWO, at(2)) == ""
    assert spending.refusal(["/mine victim", "/mine"], TWO, at(2)).startswith("budget spent")
    assert spending.refusal(["/mine"], TWO, at(2)).startswith("budget spent")
