"""Readiness of real descriptors: a fake could show nothing of this."""

import os
import signal
import subprocess

import pytest

from ebpftrace.host.pidfd import open_by_pid
from ebpftrace.host.ready import is_readable, is_writable, wait_readable


def test_a_pipe_is_readable_once_something_was_written() -> None:
    reader, writer = os.pipe()
    assert not is_readable(reader)
    os.write(writer, b"x")
    assert is_readable(reader)
    os.close(reader)
    os.close(writer)


def test_a_pipe_is_writable_until_it_is_full_or_its_reader_left() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    assert is_writable(writer)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    assert not is_writable(writer)
    os.close(reader)
    assert is_writable(writer)  # writing fails, but does not block
    os.close(writer)


def test_a_pidfd_is_readable_once_the_process_has_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        pidfd = open_by_pid(process.pid)
        assert not is_readable(pidfd)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert is_readable(pidfd)
        os.close(pidfd)


def test_wait_ends_when_the_pipe_is_readable_or_the_time_has_elapsed() -> None:
    reader, writer = os.pipe()
    assert not wait_readable(reader, 0.01)
    os.write(writer, b"x")
    assert wait_readable(reader, 600)
    os.close(reader)
    os.close(writer)
