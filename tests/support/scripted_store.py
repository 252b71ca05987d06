"""A history in memory, which may be slow or broken."""

import threading
from collections.abc import Callable

from ebpftrace.history.recurring import RecurringJob
from ebpftrace.history.run import Run
from ebpftrace.history.store import JobEntry


class ScriptedStore:
    """A `Store` without bounds. Each method calls `before` first, which may raise, or wait."""

    def __init__(self, *runs: Run, before: Callable[[], object] = lambda: None) -> None:
        self.kept = list(runs)
        self.before = before
        self.closed = 0
        self.threads: set[str] = set()

    def _newest_first(self) -> list[Run]:
        return sorted(self.kept, key=lambda run: run.start_time_ns, reverse=True)

    def _call(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.before()

    def add(self, run: Run) -> None:
        self._call()
        self.kept.insert(0, run)

    def runs(self, job_key: str) -> tuple[Run, ...]:
        self._call()
        return tuple(run for run in self._newest_first() if run.job.key == job_key)

    def jobs(self, limit: int) -> tuple[JobEntry, ...]:
        self._call()
        of_job: dict[RecurringJob, list[Run]] = {}
        for run in self._newest_first():
            of_job.setdefault(run.job, []).append(run)
        entries = (JobEntry(job, len(runs), runs[0]) for job, runs in of_job.items())
        return tuple(entries)[:limit]

    def named(self, name: str) -> tuple[RecurringJob, ...]:
        self._call()
        jobs = dict.fromkeys(run.job for run in self._newest_first())
        return tuple(job for job in jobs if name in (job.name, job.key))

    def forget(self, job_key: str) -> int:
        self._call()
        others = [run for run in self.kept if run.job.key != job_key]
        forgotten = len(self.kept) - len(others)
        self.kept = others
        return forgotten

    def close(self) -> None:
        self.closed += 1
