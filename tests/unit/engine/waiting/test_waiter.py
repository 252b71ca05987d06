"""What wakes a watch, what is more urgent, and how long it waits for its reader."""

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
from tests.support.scripted_time import ScriptedTime

LONG_NS = 60 * NS_PER_SECOND
COMMAND = UserCommand(UserCommandKind.THAW, ProcessKey(4711, 1))


@pytest.fixture
def waiter() -> Iterator[Waiter]:
    with Waiter() as opened:
        yield opened


def test_sighup_stops_a_watch_without_a_policy_file(waiter: Waiter) -> None:
    signal.raise_signal(signal.SIGHUP)
    assert waiter.wait(LONG_NS) is WakeReason.STOP
    assert waiter.stopped_by is signal.SIGHUP
    assert waiter.wait(LONG_NS) is WakeReason.STOP


def test_sighup_reloads_once_with_a_policy_file(waiter: Waiter) -> None:
    waiter.reload_on_hangup()
    for _ in range(2):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert waiter.wait(LONG_NS) is WakeReason.RELOAD
        assert waiter.wait(0) is WakeReason.TIME
    assert waiter.stopped_by is None


def test_stop_is_more_urgent_than_a_reload(waiter: Waiter) -> None:
    waiter.reload_on_hangup()
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)
    assert waiter.wait(LONG_NS) is WakeReason.STOP
    assert waiter.stopped_by is signal.SIGTERM


def test_pressure_is_remembered_if_something_else_is_more_urgent(waiter: Waiter) -> None:
    """A socket's urgent byte polls POLLPRI, as a PSI trigger does; a fake of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as sender:
        receiver, _ = listening.accept()
        with receiver:
            waiter.add_pressure(receiver.fileno())
            sender.send(b"!", socket.MSG_OOB)
            assert waiter.wait(LONG_NS) is WakeReason.PRESSURE
            assert waiter.take_pressed() == {receiver.fileno()}
            waiter.quit()
            assert waiter.wait(LONG_NS) is WakeReason.QUIT
            assert waiter.take_pressed() == {receiver.fileno()}
            assert waiter.take_pressed() == set()


def test_commands_wake_and_keep_their_order(waiter: Waiter) -> None:
    commands = [UserCommand(UserCommandKind.END, ProcessKey(pid, 1)) for pid in range(3)]
    for wish in commands[:2]:
        waiter.submit(wish)
    threading.Timer(0.05, waiter.submit, commands[2:]).start()
    assert waiter.wait(LONG_NS) is WakeReason.COMMAND
    taken = waiter.commands()
    while len(taken) < len(commands):
        assert waiter.wait(LONG_NS) is WakeReason.COMMAND
        taken += waiter.commands()
    assert taken == commands
    assert waiter.commands() == []


def test_reload_does_not_lose_a_command(waiter: Waiter) -> None:
    waiter.reload_on_hangup()
    waiter.submit(COMMAND)
    signal.raise_signal(signal.SIGHUP)
    assert waiter.wait(LONG_NS) is WakeReason.RELOAD
    assert waiter.wait(LONG_NS) is WakeReason.COMMAND
    assert waiter.commands() == [COMMAND]


def test_command_is_returned_while_the_kernel_never_stops_reporting(waiter: Waiter) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"more than is read")
    waiter.add_kernel(reader)
    waiter.submit(COMMAND)
    assert waiter.wait(LONG_NS) is WakeReason.COMMAND
    assert waiter.commands() == [COMMAND]
    assert waiter.wait(LONG_NS) is WakeReason.KERNEL
    os.close(reader)
    os.close(writer)


def test_command_that_is_not_taken_wakes_once(waiter: Waiter) -> None:
    waiter.submit(COMMAND)
    assert waiter.wait(LONG_NS) is WakeReason.COMMAND
    assert waiter.wait(0) is WakeReason.TIME


def test_command_after_the_end_reaches_no_descriptor_opened_since() -> None:
    with Waiter() as closed:
        pass
    pairs = [socket.socketpair() for _ in range(4)]  # under the numbers that it had
    closed.submit(COMMAND)
    closed.quit()
    for ends in pairs:
        for end in ends:
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                end.recv(1)
        for end in ends:
            end.close()


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


def test_writing_waits_for_the_reader(waiter: Waiter, full_pipe: tuple[int, int]) -> None:
    reader, writer = full_pipe
    threading.Timer(0.05, os.read, (reader, 1 << 16)).start()
    assert waiter.wait_to_write(writer)
    assert os.write(writer, b"y" * 4096) == 4096


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_wait_for_the_reader(
    waiter: Waiter, full_pipe: tuple[int, int], number: signal.Signals
) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    assert not waiter.wait_to_write(full_pipe[1])
    assert waiter.wait(LONG_NS) is WakeReason.STOP
    assert not waiter.wait_to_write(full_pipe[1])


def test_reload_during_the_wait_for_the_reader_is_kept(
    waiter: Waiter, full_pipe: tuple[int, int]
) -> None:
    waiter.reload_on_hangup()
    signal.raise_signal(signal.SIGHUP)
    threading.Timer(0.05, os.read, (full_pipe[0], 1 << 16)).start()
    assert waiter.wait_to_write(full_pipe[1])
    assert waiter.wait(LONG_NS) is WakeReason.RELOAD


def test_writing_resumes_as_soon_as_there_is_room(
    waiter: Waiter, full_pipe: tuple[int, int]
) -> None:
    reader, writer = full_pipe
    written: list[int] = []

    def write() -> bool:
        written.append(os.write(writer, b"y" * 4096))
        return len(written) < 2

    waiter.when_writable(writer, write)
    assert waiter.wait(0) is WakeReason.TIME
    assert not written
    threading.Timer(0.05, os.read, (reader, 1 << 16)).start()
    while len(written) < 2:
        assert waiter.wait(LONG_NS) is WakeReason.TIME
    assert waiter.wait(0) is WakeReason.TIME
    assert written == [4096, 4096]


def test_reader_that_left_ends_the_writing_once(waiter: Waiter) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    waiter.when_writable(writer, lambda: bool(os.write(writer, b"y")))
    with pytest.raises(BrokenPipeError):
        waiter.wait(LONG_NS)
    assert waiter.wait(0) is WakeReason.TIME
    os.close(writer)


def test_signals_are_noticed_during_the_last_writing(
    full_pipe: tuple[int, int],
) -> None:
    written: list[bool] = []
    with Waiter() as waiter:
        waiter.at_end(lambda: written.append(waiter.wait_to_write(full_pipe[1])))
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert written == [False]


def test_interrupted_watch_still_writes_its_end(waiter: Waiter) -> None:
    reader, writer = os.pipe()
    signal.raise_signal(signal.SIGINT)
    assert waiter.wait_to_write(writer)
    os.close(reader)
    assert waiter.wait_to_write(writer)  # and writing says what is wrong
    os.close(writer)


def test_wait_for_a_descriptor_ends_with_it_or_with_the_time() -> None:
    reader, writer = os.pipe()
    time = ScriptedTime()
    with Waiter(time) as waiter:
        assert not waiter.wait_until_readable(reader, 5)
        assert time.seconds == 5
        time.at(7, lambda: os.close(writer))
        assert waiter.wait_until_readable(reader, 5)
        assert time.seconds == 7
    assert waiter.wait_until_readable(reader, 5)  # the dashboard's, at exit
    os.close(reader)


def test_wait_for_a_descriptor_lets_signals_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that was interrupted waits for its end; a second Ctrl-C ends that."""
    reader, writer = os.pipe()
    time = ScriptedTime()
    monkeypatch.setattr("time.monotonic_ns", time.monotonic_ns)
    with Waiter(time) as waiter:
        time.at(1, lambda: signal.raise_signal(signal.SIGTERM))
        time.at(2, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            waiter.wait_until_readable(reader, 5)
        assert waiter.stopped_by is signal.SIGTERM
        assert time.seconds == 2
    os.close(reader)
    os.close(writer)
