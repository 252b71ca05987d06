import time
from dataclasses import replace

from ebpftrace.ledger.clock import Clock
from tests.support import watches


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


def test_age_rises_while_nothing_is_drawn_anew() -> None:
    process = replace(watches.process(), age_ns=5, drawn_ns=100)
    assert process.age_at(100) == 5
    assert process.age_at(107) == 12
    assert replace(process, drawn_ns=None).age_at(107) == 5
