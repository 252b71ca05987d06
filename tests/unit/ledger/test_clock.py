import time

from ebpftrace.ledger.clock import Clock


def test_kernel_times_become_unix_time() -> None:
    clock = Clock(monotonic_to_unix_ns=1_000, boottime_to_unix_ns=400)
    assert clock.unix_ns(7) == 1_007
    assert clock.start_unix_ns(7) == 407


def test_the_offsets_are_this_machines() -> None:
    before = time.time_ns()
    clock = Clock.now()
    noted = (
        clock.unix_ns(time.clock_gettime_ns(time.CLOCK_MONOTONIC)),
        clock.start_unix_ns(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
    )
    assert all(abs(one - before) < 60_000_000_000 for one in noted)  # not another clock's


def test_a_wall_clock_that_is_set_meanwhile_does_not_matter() -> None:
    clock = Clock.now()
    assert clock.unix_ns(20) - clock.unix_ns(10) == 10
    assert clock.start_unix_ns(20) - clock.start_unix_ns(10) == 10
