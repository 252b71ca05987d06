import io
import os
import threading
from collections.abc import Callable

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.views.output import interruptible


def always(_fd: int) -> bool:
    return True


def test_what_is_no_descriptor_is_left_as_it_is() -> None:
    text = io.StringIO()
    assert interruptible(text, always) is text


def test_all_of_a_long_text_arrives_in_order() -> None:
    reader, writer = os.pipe()
    text = "".join(f"{n} é\n" for n in range(50_000))
    read = bytearray()

    def drain() -> None:
        with os.fdopen(reader, "rb") as end:
            read.extend(end.read())

    thread = threading.Thread(target=drain)
    thread.start()
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        out = interruptible(stdout, always)
        assert out.write(text) == len(text)
        assert (out.fileno(), out.encoding, out.isatty()) == (writer, "utf-8", False)
    thread.join()
    assert read.decode() == text


def test_what_an_encoding_lacks_is_a_question_mark() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as end:
        with os.fdopen(writer, "w", encoding="ascii") as stdout:
            interruptible(stdout, always).write("…a")
        assert end.read() == b"?a"


def room_for(pieces: int) -> Callable[[int], bool]:
    """A reader who takes so many pieces and no more."""
    left = iter([True] * pieces)
    return lambda _fd: next(left, False)


def test_the_end_is_lost_once_and_what_follows_is_dropped() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as end:
        with os.fdopen(writer, "w", encoding="ascii") as stdout:
            out = interruptible(stdout, room_for(2))
            with pytest.raises(EbpftraceError, match="the end of the output is lost"):
                out.write("x" * 10_000)
            assert out.write("more") == 4
            out.flush()
        assert end.read() == b"x" * 8192
