"""Whose executables take long to read waits for the next read; others do not."""

from ebpftrace.engine.programs.time_shares import MOST_AT_ONCE_SECONDS, SHARE, TimeShares


def shares() -> tuple[TimeShares, list[float]]:
    now = [100.0]
    return TimeShares(lambda: now[0], lambda pid: pid // 100), now


def test_owner_that_took_too_much_waits_until_it_is_made_up_for() -> None:
    spent, now = shares()
    spent.spend(100, MOST_AT_ONCE_SECONDS)
    assert spent.is_spent(101)
    assert not spent.is_spent(200)
    now[0] += 0.02
    assert not spent.is_spent(101)
    spent.spend(102, 1.0)
    now[0] += 1.0 / SHARE - 0.1
    assert spent.is_spent(101)
    now[0] += 0.2
    assert not spent.is_spent(101)


def test_numbers_that_nothing_lists_have_two_shares_beside_each_other() -> None:
    now = [100.0]
    spent = TimeShares(lambda: now[0], lambda pid: pid)
    for uid in (1_234_567, 1_234_568):
        assert not spent.is_spent(uid)
        spent.spend(uid, MOST_AT_ONCE_SECONDS)
    assert spent.is_spent(1_234_569)
    assert not spent.is_spent(2_234_567)
    now[0] += 0.1
    assert not spent.is_spent(1_234_569)


def test_reads_that_take_a_moment_cost_no_look_for_the_owner() -> None:
    looked: list[int] = []

    def owner(pid: int) -> int:
        looked.append(pid)
        return pid

    spent = TimeShares(lambda: 0.0, owner)
    for _ in range(1000):
        spent.spend(1, 0.0005)
        assert not spent.is_spent(1)
    assert looked == []


def test_owners_that_are_kept_are_bounded() -> None:
    spent, _now = shares()
    for owner in range(1000):
        spent.spend(owner * 100, 1.0)
    assert len(spent._spent) <= 64
    assert spent.is_spent(999 * 100)
