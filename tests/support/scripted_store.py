"""A history in memory, which may be slow or broken."""

import threading
from collections.abc import Callable

from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import Run
from ebpftrace.history.store import JobEntry


class ScriptedStore:
    """A `Store`. `before` is called before each reading and writing; it may raise, or wait."""

    def __init__(self, *runs: Run, before: Callable[[], object] = lambda: None) -> None:
        self.kept = list(runs)
        self.before = before
        self.closed = 0
        self.threads: set[str] = set()

    def _call(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.before()

    def add(self, run: Run) -> None:
        self._call()
        self.kept.insert(0, run)

    def runs(self, job_key: str) -> tuple[Run, ...]:
        self._call()
        return tuple(run for run in self.kept if run.job.key == job_key)

    def jobs(self, limit: int) -> tuple[JobEntry, ...]:
        raise NotImplementedError

    def named(self, name: str) -> tuple[RecurringJob, ...]:
        raise NotImplementedError

    def forget(self, job_key: str) -> int:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1
