"""The machine's own time: nothing of this can be told from a script."""

import os
import select
import time

from ebpftrace.engine.waiting.clock import SystemTime


def test_each_clock_is_the_kernels() -> None:
    clock = SystemTime()
    for read, number in (
        (clock.monotonic_ns, time.CLOCK_MONOTONIC),
        (clock.unix_ns, time.CLOCK_REALTIME),
        (clock.boottime_ns, time.CLOCK_BOOTTIME),
    ):
        before = time.clock_gettime_ns(number)
        now = read()
        assert before <= now <= time.clock_gettime_ns(number)


def test_poll_returns_what_is_ready_and_nothing_after_the_time() -> None:
    reader, writer = os.pipe()
    with select.epoll() as epoll:
        epoll.register(reader, select.EPOLLIN)
        assert SystemTime().poll(epoll, 0.001) == []
        os.write(writer, b"x")
        assert SystemTime().poll(epoll, None) == [(reader, select.EPOLLIN)]
    os.close(reader)
    os.close(writer)
