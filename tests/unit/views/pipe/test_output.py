import os
import pty
import select
import socket
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.ledger import LossNote
from ebpftrace.views.pipe.backlog import Backlog
from ebpftrace.views.pipe.output import NonBlockingOutput


class OutputWaiter:
    """A watch's waiting without a watch: a fake of `Waiting`, of its part for output."""

    def __init__(self, patience: Callable[[int], bool] = lambda _fd: True) -> None:
        self.writing: dict[int, Callable[[], bool]] = {}
        self.wait_to_write = patience
        self.end: Callable[[], None] = lambda: None

    def when_writable(self, fd: int, write: Callable[[], bool]) -> None:
        assert fd not in self.writing
        self.writing[fd] = write

    def at_end(self, last: Callable[[], None]) -> None:
        self.end = last

    def wait(self) -> None:
        """What `Waiting.wait` does when there is room."""
        for fd, write in list(self.writing.items()):
            if not write():
                del self.writing[fd]


def patient(fd: int) -> bool:
    """OutputWaiter as long as it takes."""
    return bool(select.select([], [fd], []))


def loss_line(note: LossNote) -> str:
    return f"{note.count} {note.cause} of {note.total}\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A reading end that does not block, and the stdout at the other."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        yield reader, stdout
    os.close(reader)


def read(reader: int, most: int = 1 << 20) -> bytes:
    """What is there."""
    try:
        return os.read(reader, most)
    except BlockingIOError:
        return b""


def read_all(reader: int, waiter: OutputWaiter) -> bytes:
    """All that comes when the reader reads on."""
    whole = b""
    while piece := read(reader):
        whole += piece
        waiter.wait()
    assert not waiter.writing
    return whole


def test_writing_does_not_wait_for_a_slow_reader_and_loses_no_order(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stdout = pipe
    waiter = OutputWaiter()
    out = NonBlockingOutput(stdout, waiter, loss_line)
    lines = [f"{n} é\n" for n in range(20_000)]
    for n, line in enumerate(lines):
        (out.write if n % 3 else out.write_routine)(line)
    assert list(waiter.writing.values())
    assert read_all(reader, waiter).decode() == "".join(lines)
    out.write("one more\n")
    assert read(reader) == b"one more\n"
    waiter.end()


def test_a_loss_takes_the_place_of_dropped_lines_and_no_line_is_cut(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stdout = pipe
    waiter = OutputWaiter()
    out = NonBlockingOutput(stdout, waiter, loss_line, Backlog(20_000))
    long = "x" * 999
    for n in range(200):
        out.write_routine(f"{n:03d} {long}\n")
        if n % 50 == 0:
            out.write(f"news {n}\n")
    lines = read_all(reader, waiter).decode().splitlines()
    news = [line for line in lines if line.startswith("news")]
    routine = [line for line in lines if line.endswith(long)]
    (loss,) = set(lines) - {*news, *routine}
    count = 200 - len(routine)
    assert loss == f"{count} unread_output of {count}"
    assert news == ["news 0", "news 50", "news 100", "news 150"]
    after = lines[lines.index(loss) + 1]
    dropped = set(range(200)) - {int(line[:3]) for line in routine}
    assert after == f"{max(dropped) + 1:03d} {long}"
    assert [line[:3] for line in routine] == sorted(line[:3] for line in routine)
    waiter.end()


def test_a_shared_descriptor_stays_blocking(pipe: tuple[int, TextIO]) -> None:
    _, stdout = pipe
    waiter = OutputWaiter()
    NonBlockingOutput(stdout, waiter, loss_line)
    assert os.get_blocking(stdout.fileno())
    waiter.end()


def test_another_writer_of_the_same_pipe_does_not_block_it(pipe: tuple[int, TextIO]) -> None:
    """A poll finds room, and the write finds none."""
    reader, stdout = pipe
    waiter = OutputWaiter()
    out = NonBlockingOutput(stdout, waiter, loss_line)
    os.set_blocking(stdout.fileno(), False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(stdout.fileno(), b"-" * 4096)
    os.set_blocking(stdout.fileno(), True)
    out.write("late\n")
    waiter.wait()
    assert waiter.writing
    assert read_all(reader, waiter).endswith(b"-late\n")
    waiter.end()


def test_the_end_waits_for_a_slow_reader(pipe: tuple[int, TextIO]) -> None:
    reader, stdout = pipe
    waiter = OutputWaiter(patient)
    out = NonBlockingOutput(stdout, waiter, loss_line)
    text = "".join(f"{n}\n" for n in range(100_000))
    out.write(text)
    arrived = bytearray()

    def drain() -> None:
        while len(arrived) < len(text):
            select.select([reader], [], [])
            arrived.extend(read(reader, 10_000))

    thread = threading.Thread(target=drain)
    thread.start()
    waiter.end()
    thread.join()
    assert arrived.decode() == text


def test_an_unread_end_raises_once_and_later_writes_are_discarded(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stdout = pipe
    waiter = OutputWaiter(lambda _fd: False)
    out = NonBlockingOutput(stdout, waiter, loss_line)
    out.write("x" * 1_000_000)
    with pytest.raises(EbpftraceError, match="the end of the output is lost"):
        waiter.end()
    assert out.write("more") == 4
    arrived = read(reader)
    assert set(arrived) == {ord("x")}
    assert len(arrived) < 1_000_000


def test_an_earlier_error_takes_precedence_over_an_unread_end(
    pipe: tuple[int, TextIO],
) -> None:
    waiter = OutputWaiter(lambda _fd: False)
    NonBlockingOutput(pipe[1], waiter, loss_line).write("x" * 1_000_000)
    with pytest.raises(ValueError, match="earlier"):
        try:
            raise ValueError("earlier")
        finally:
            waiter.end()


def test_a_closed_pipe_raises_once() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        waiter = OutputWaiter()
        out = NonBlockingOutput(stdout, waiter, loss_line)
        out.write("x" * 1_000_000)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            waiter.wait()
        assert out.write("more") == 4
        waiter.end()


def test_a_socket_does_not_block_either() -> None:
    """What systemd gives a service as its stdout."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with os.fdopen(os.dup(theirs.fileno()), "w", encoding="utf-8") as stdout:
            waiter = OutputWaiter()
            out = NonBlockingOutput(stdout, waiter, loss_line)
            out.write("x" * 1_000_000)
            assert waiter.writing
            assert read_all(ours.fileno(), waiter) == b"x" * 1_000_000
            waiter.end()


def test_a_terminal_stopped_by_ctrl_s_does_not_block() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    with os.fdopen(theirs, "w", encoding="utf-8") as stdout:
        termios.tcflow(theirs, termios.TCOOFF)
        waiter = OutputWaiter()
        out = NonBlockingOutput(stdout, waiter, loss_line)
        out.write("x" * 100_000)
        assert out.isatty()
        assert waiter.writing
        assert read(ours) == b""
        termios.tcflow(theirs, termios.TCOON)
        arrived = b""
        while waiter.writing or select.select([ours], [], [], 0)[0]:
            waiter.wait()
            arrived += read(ours)
        assert arrived == b"x" * 100_000
        waiter.end()
    os.close(ours)


def test_a_regular_file_gets_everything_at_once(tmp_path: Path) -> None:
    file = tmp_path / "memory.jsonl"
    file.write_text("before\n")
    with file.open("a", encoding="utf-8") as stdout:
        waiter = OutputWaiter()
        out = NonBlockingOutput(stdout, waiter, loss_line)
        out.write("x" * 1_000_000)
        assert len(file.read_text()) == len("before\n") + 1_000_000
        assert not waiter.writing
        waiter.end()


def test_characters_that_the_encoding_lacks_become_question_marks() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as end:
        with os.fdopen(writer, "w", encoding="ascii") as stdout:
            waiter = OutputWaiter()
            out = NonBlockingOutput(stdout, waiter, loss_line)
            out.write("…a")
            assert (out.encoding, out.isatty()) == ("ascii", False)
            waiter.end()
        assert end.read() == b"?a"


def parts(made: list[int]) -> Iterator[str]:
    """Of a record of a MiB; `made` is given the number of each as it is made."""
    for n in range(64):
        made.append(n)
        yield f"{n:04d}" * 4096


def test_the_parts_of_a_record_are_made_as_the_reader_reads(pipe: tuple[int, TextIO]) -> None:
    reader, stdout = pipe
    waiter, made = OutputWaiter(), list[int]()
    out = NonBlockingOutput(stdout, waiter, loss_line)
    out.write_routine_parts(parts(made))
    assert 0 < len(made) < 64
    assert read_all(reader, waiter).decode() == "".join(f"{n:04d}" * 4096 for n in range(64))
    out.write("one more\n")
    assert read(reader) == b"one more\n"
    waiter.end()


@pytest.mark.parametrize("later", ["write", "write_routine", "write_routine_parts"])
def test_no_record_comes_between_the_parts_of_another(
    pipe: tuple[int, TextIO], later: str
) -> None:
    reader, stdout = pipe
    waiter, made = OutputWaiter(), list[int]()
    out = NonBlockingOutput(stdout, waiter, loss_line)
    out.write_routine_parts(parts(made))
    if later == "write_routine_parts":
        out.write_routine_parts(iter(("next ", "é\n")))
    else:
        getattr(out, later)("next é\n")
    assert made == list(range(64))  # what they are made of may change from here on
    whole = read_all(reader, waiter).decode()
    assert whole == "".join(f"{n:04d}" * 4096 for n in range(64)) + "next é\n"
    waiter.end()


def test_what_the_reader_has_read_makes_room_also_while_the_watch_does_not_wait(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stdout = pipe
    waiter, lines = OutputWaiter(), [f"{n:04d} {'x' * 994}\n" for n in range(2000)]
    out = NonBlockingOutput(stdout, waiter, loss_line, Backlog(200_000))
    whole = b""
    for line in lines:
        out.write_routine(line)
        whole += read(reader, 4096)
    whole += read_all(reader, waiter)
    assert whole.decode() == "".join(lines)
    out.write("one more\n")
    assert read(reader) == b"one more\n"
    assert not waiter.writing
    waiter.end()
