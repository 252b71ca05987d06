"""A process that may open no further file."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep


@contextmanager
def no_descriptor_left(pid: int) -> Iterator[None]:
    """The process can open nothing meanwhile, but in the place of what it closes."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    free = _next_own() if pid == os.getpid() else _lowest_free(pid)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def _next_own() -> int:
    fd = os.dup(0)
    os.close(fd)
    return fd


def _lowest_free(pid: int) -> int:
    """Also where it has a file open for a moment at some of the looks."""
    looks = []
    for _ in range(50):
        taken = {int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        looks.append(min(set(range(len(taken) + 1)) - taken))
        sleep(0.02)
    return min(looks)
