"""Processes that were identified before their breach, half way to the bound.

There is time for it then, and a hook need not wait for it. Nothing depends on it: a process
that is not ready is identified at its breach.
"""

import contextlib
import os

from ebpftrace.act.process.identity import Target, hold, identify
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessKey
from ebpftrace.host.pidfd import has_ended


class ReadyTargets:
    """Each is held by a pidfd, so that no later process of its pid is taken for it."""

    def __init__(self) -> None:
        self._held: dict[ProcessKey, tuple[int, Target]] = {}

    def prepare(self, key: ProcessKey, given_path: str) -> None:
        """Identify a process, if that is possible and was not done."""
        if key not in self._held:
            with contextlib.suppress(EbpftraceError, OSError):
                self._held[key] = hold(key, given_path)

    def identify(self, key: ProcessKey, given_path: str) -> Target:
        """The process as it was when it was prepared, if that was done and it has not ended.

        For one in whose cgroup the kernel has just seen it; else as `identify`, and its errors.
        """
        fd, target = self._held.get(key, (-1, None))
        if target is not None and target.given_path == given_path and not has_ended(fd):
            return target
        return identify(key, given_path)

    def clear(self) -> None:
        """Forget all of them."""
        for fd, _target in self._held.values():
            os.close(fd)
        self._held.clear()
