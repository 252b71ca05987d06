"""What wakes a watch, what goes before what, and how long it waits for its reader."""

import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from ebpftrace.act.fuse.events import UserCommand, UserCommandKind
from ebpftrace.engine.waiting.waiter import Waiter, WakeReason
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND

LONG_NS = 60 * NS_PER_SECOND
WISH = UserCommand(UserCommandKind.THAW, ProcessKey(4711, 1))


@pytest.fixture
def waiting() -> Iterator[Waiter]:
    with Waiter() as opened:
        yield opened


def test_a_hang_up_ends_a_watch_without_policies(waiting: Waiter) -> None:
    signal.raise_signal(signal.SIGHUP)
    assert waiting.wait(LONG_NS) is WakeReason.STOP
    assert waiting.stopped_by is signal.SIGHUP
    assert waiting.wait(LONG_NS) is WakeReason.STOP


def test_a_hang_up_reloads_once_where_that_was_asked_for(waiting: Waiter) -> None:
    waiting.reload_on_hangup()
    for _ in range(2):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert waiting.wait(LONG_NS) is WakeReason.RELOAD
        assert waiting.wait(0) is WakeReason.TIME
    assert waiting.stopped_by is None


def test_an_interrupt_goes_before_a_reload(waiting: Waiter) -> None:
    waiting.reload_on_hangup()
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)
    assert waiting.wait(LONG_NS) is WakeReason.STOP
    assert waiting.stopped_by is signal.SIGTERM


def test_a_trigger_is_remembered_whatever_else_woke_us(waiting: Waiter) -> None:
    """A socket's urgent byte polls POLLPRI, as a PSI trigger does; a fake of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as sender:
        receiver, _ = listening.accept()
        with receiver:
            waiting.add_pressure(receiver.fileno())
            sender.send(b"!", socket.MSG_OOB)
            assert waiting.wait(LONG_NS) is WakeReason.PRESSURE
            assert waiting.take_pressed() == {receiver.fileno()}
            waiting.quit()
            assert waiting.wait(LONG_NS) is WakeReason.QUIT
            assert waiting.take_pressed() == {receiver.fileno()}
            assert waiting.take_pressed() == set()


def test_wishes_wake_and_come_in_their_order(waiting: Waiter) -> None:
    wishes = [UserCommand(UserCommandKind.END, ProcessKey(pid, 1)) for pid in range(3)]
    for wish in wishes[:2]:
        waiting.submit(wish)
    threading.Timer(0.05, waiting.submit, wishes[2:]).start()
    assert waiting.wait(LONG_NS) is WakeReason.COMMAND
    taken = waiting.commands()
    while len(taken) < len(wishes):
        assert waiting.wait(LONG_NS) is WakeReason.COMMAND
        taken += waiting.commands()
    assert taken == wishes
    assert waiting.commands() == []


def test_a_reload_does_not_swallow_a_wish(waiting: Waiter) -> None:
    waiting.reload_on_hangup()
    waiting.submit(WISH)
    signal.raise_signal(signal.SIGHUP)
    assert waiting.wait(LONG_NS) is WakeReason.RELOAD
    assert waiting.wait(LONG_NS) is WakeReason.COMMAND
    assert waiting.commands() == [WISH]


def test_a_wish_is_heard_while_the_kernel_never_stops_talking(waiting: Waiter) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"more than is read")
    waiting.add_kernel(reader)
    waiting.submit(WISH)
    assert waiting.wait(LONG_NS) is WakeReason.COMMAND
    assert waiting.commands() == [WISH]
    assert waiting.wait(LONG_NS) is WakeReason.KERNEL
    os.close(reader)
    os.close(writer)


def test_a_wish_that_nobody_takes_does_not_wake_for_ever(waiting: Waiter) -> None:
    waiting.submit(WISH)
    assert waiting.wait(LONG_NS) is WakeReason.COMMAND
    assert waiting.wait(0) is WakeReason.TIME


def test_a_wish_after_the_end_does_no_harm() -> None:
    with Waiter() as closed:
        pass
    closed.submit(WISH)
    closed.quit()


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """The reading and the writing end of a pipe that takes no more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_writing_waits_for_a_reader(waiting: Waiter, full_pipe: tuple[int, int]) -> None:
    reader, writer = full_pipe
    threading.Timer(0.05, os.read, (reader, 1 << 16)).start()
    assert waiting.wait_to_write(writer)
    assert os.write(writer, b"y" * 4096) == 4096


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_stops_ends_the_wait_for_a_reader(
    waiting: Waiter, full_pipe: tuple[int, int], number: signal.Signals
) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    assert not waiting.wait_to_write(full_pipe[1])
    assert waiting.wait(LONG_NS) is WakeReason.STOP
    assert not waiting.wait_to_write(full_pipe[1])


def test_a_reload_does_not_end_the_wait_for_a_reader_and_is_not_forgotten(
    waiting: Waiter, full_pipe: tuple[int, int]
) -> None:
    waiting.reload_on_hangup()
    signal.raise_signal(signal.SIGHUP)
    threading.Timer(0.05, os.read, (full_pipe[0], 1 << 16)).start()
    assert waiting.wait_to_write(full_pipe[1])
    assert waiting.wait(LONG_NS) is WakeReason.RELOAD


def test_writing_goes_on_as_soon_as_there_is_room(
    waiting: Waiter, full_pipe: tuple[int, int]
) -> None:
    reader, writer = full_pipe
    written: list[int] = []

    def write() -> bool:
        written.append(os.write(writer, b"y" * 4096))
        return len(written) < 2

    waiting.when_writable(writer, write)
    assert waiting.wait(0) is WakeReason.TIME
    assert not written
    threading.Timer(0.05, os.read, (reader, 1 << 16)).start()
    while len(written) < 2:
        assert waiting.wait(LONG_NS) is WakeReason.TIME
    assert waiting.wait(0) is WakeReason.TIME
    assert written == [4096, 4096]


def test_a_reader_who_left_ends_the_writing_once(waiting: Waiter) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    waiting.when_writable(writer, lambda: bool(os.write(writer, b"y")))
    with pytest.raises(BrokenPipeError):
        waiting.wait(LONG_NS)
    assert waiting.wait(0) is WakeReason.TIME
    os.close(writer)


def test_the_last_writing_is_done_while_it_still_hears_signals(
    full_pipe: tuple[int, int],
) -> None:
    told: list[bool] = []
    with Waiter() as waiting:
        waiting.at_end(lambda: told.append(waiting.wait_to_write(full_pipe[1])))
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert told == [False]


def test_who_reads_still_gets_the_last_words(waiting: Waiter) -> None:
    reader, writer = os.pipe()
    signal.raise_signal(signal.SIGINT)
    assert waiting.wait_to_write(writer)
    os.close(reader)
    assert waiting.wait_to_write(writer)  # and writing says what is wrong
    os.close(writer)
