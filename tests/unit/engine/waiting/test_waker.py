"""The waker: readable from a wake-up until it is cleared."""

import os

import pytest

from ebpftrace.engine.waiting.waker import Waker
from ebpftrace.host.ready import is_readable


def test_it_is_readable_until_it_is_cleared_however_often_it_was_woken() -> None:
    waker = Waker()
    readable = [is_readable(waker.fd)]
    for _ in range(3):
        waker.wake()
    readable.append(is_readable(waker.fd))
    waker.clear()
    readable.append(is_readable(waker.fd))
    waker.close()
    assert readable == [False, True, False]


def test_a_byte_at_its_other_end_wakes_it() -> None:
    """So does Python for each signal."""
    waker = Waker()
    os.write(waker.wakeup_fd, b"\x02")
    assert is_readable(waker.fd)
    waker.close()


def test_nothing_blocks_when_it_is_full() -> None:
    waker = Waker()
    with pytest.raises(BlockingIOError):
        while True:
            os.write(waker.wakeup_fd, b"\0" * 4096)
    waker.wake()
    assert is_readable(waker.fd)
    waker.close()


def test_it_may_be_woken_after_the_end_and_not_cleared_before_a_wake_up() -> None:
    waker = Waker()
    with pytest.raises(BlockingIOError):
        waker.clear()
    waker.close()
    waker.wake()
