"""Processes that were identified before their breach, half way to the bound.

There is time for it then, and a hook need not wait for it; nor for the files to be opened that
are read at the breach. Nothing depends on it: a process that is not ready is identified at its
breach.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ebpftrace.act.process.identity import Target, hold, identify
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import Breached, ProcessKey
from ebpftrace.host import proc
from ebpftrace.host.memstat import stat_file
from ebpftrace.host.pidfd import has_ended
from ebpftrace.host.reading.kept_files import KeptFiles
from ebpftrace.ledger import Snapshot


class ReadyTargets:
    """Each is held by a pidfd, so that no later process of its pid is taken for it."""

    def __init__(self) -> None:
        self._held: dict[ProcessKey, tuple[int, Target]] = {}
        self.files = KeptFiles()
        """What is read at the breach of a process that is ready."""
        self.prepares: Sequence[Callable[[], None]] = ()
        """Make what the steps of an incident need to start."""

    def half_way(self, event: Breached, snapshot: Snapshot, folder: Path | None) -> None:
        """A process is on its way to a bound; `folder` is that of its cgroup, if visible."""
        files = () if folder is None else (stat_file(folder),)
        jobs = (job for job in snapshot.jobs if job.identity.cgroup_id == event.cgroup_id)
        for job in jobs:
            if any(process.key == event.key for process in job.processes):
                self.prepare(event.key, job.identity.given_path, *files)
        for prepare in self.prepares:
            prepare()

    def prepare(self, key: ProcessKey, given_path: str, *files: str) -> None:
        """Identify a process, if that is possible and was not done, and open these `files`."""
        if key not in self._held:
            with contextlib.suppress(EbpftraceError, OSError):
                self._held[key] = hold(key, given_path)
                for file in (proc.comm_file(key.pid), *files):
                    self.files.keep(file)

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
        self.files.clear()
