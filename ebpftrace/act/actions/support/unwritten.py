"""Evidence that was read and is not on its way to the disk yet: a watch does not end before.

Its hook may have ended the job, and with the job the watch.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from threading import Lock

from ebpftrace.host.ready import WaitReadable
from ebpftrace.units import NS_PER_SECOND

_SECONDS = 2.0  # for a slow disk, for all of it

_lock = Lock()
_ends: set[int] = set()  # a pipe each, readable once its evidence is written


@contextlib.contextmanager
def unwritten() -> Iterator[None]:
    """Within it, `finish_writing` waits. OSError without descriptors."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with _lock:
        _ends.add(reader)
    try:
        yield
    finally:
        os.close(writer)
        with _lock:
            _ends.discard(reader)
            os.close(reader)


def finish_writing(wait: WaitReadable) -> None:
    """Wait until all evidence that was read is written, for two seconds at most."""
    until_ns = time.monotonic_ns() + int(_SECONDS * NS_PER_SECOND)
    for end in _copies():
        try:
            wait(end, max(0.0, (until_ns - time.monotonic_ns()) / NS_PER_SECOND))
        finally:
            os.close(end)


def _copies() -> list[int]:
    with _lock:
        return [os.dup(end) for end in _ends]
