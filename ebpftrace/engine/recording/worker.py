"""Reads and writes the history on a thread of its own, which may wait for the disk."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ebpftrace.engine.programs.reader import ProgramReader
from ebpftrace.errors import EbpftraceError
from ebpftrace.history.recurring import RecurringJob, recurring_job
from ebpftrace.history.run import ProgramVersion, Run
from ebpftrace.host.cached_id import cached_file_id
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.runtime_names import runtime_name

if TYPE_CHECKING:
    from ebpftrace.history.store import Store

BuildRun = Callable[[RecurringJob, tuple[ProgramVersion, ...]], Run]
"""Makes the run of a job that has ended, from what only the worker knows."""

_QUEUED = 512
_MOST_JOBS = 8192
_RETRY_SECONDS = 60.0
_PATIENCE_SECONDS = 0.1
_IDLE_SECONDS = 5.0


class HistoryWorker:
    """Every method returns at once. Jobs are known by their key within the watch.

    `lost` counts the questions and runs that were dropped, because the queue was full or
    the history could not be used; `trouble` says why it cannot be used, "" while it can.
    The thread starts with the first question.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        name_of: Callable[[JobIdentity], str] = runtime_name,
    ) -> None:
        """`name_of` is what the container runtime knows of a job's container."""
        self.lost = 0
        self.trouble = ""
        self.answers: deque[tuple[str, tuple[Run, ...]]] = deque()
        self._open_store = open_store
        self._name_of = name_of
        self._store: Store | None = None
        self._retry_at = 0.0
        self._jobs: dict[str, RecurringJob] = {}
        self._reader = ProgramReader(
            patience_seconds=_PATIENCE_SECONDS, idle_seconds=_IDLE_SECONDS
        )
        self._programs: dict[str, list[ProgramVersion]] = {}
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue(_QUEUED)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._end_reader = self._end_writer = -1

    @property
    def has_room(self) -> bool:
        """Whether a question of a job and of its programs would not be dropped."""
        return self._calls.qsize() < _QUEUED // 2

    def ask(self, job: JobIdentity) -> None:
        """Read the past runs of a job; `answers` gets them, the newest first.

        A job that cannot be told from others gets no answer.
        """
        if self._thread is None:
            self._end_reader, self._end_writer = os.pipe()  # closed as the thread ends
            self._thread = threading.Thread(target=self._run, name="history", daemon=True)
            self._thread.start()
        self._submit(partial(self._look_up, job))

    def describe(self, job_key: str, program: str, pid: int) -> None:
        """Read the version of a running program of this job."""
        self._submit(partial(self._describe, job_key, program, pid), counted=False)

    def add(self, job_key: str, build: BuildRun) -> None:
        """Keep the run of this job, which has ended."""
        self._submit(partial(self._add, job_key, build))

    def drop(self, job_key: str) -> None:
        """This job has ended, and its run is not kept."""
        self._submit(partial(self._forget, job_key), counted=False)

    def close(self, seconds: float, wait: WaitReadable = wait_readable) -> bool:
        """Do what is queued, and end; whether that took no longer than this.

        A thread whose disk hangs is left behind, and does not keep the program from ending.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._closing = True
        with contextlib.suppress(queue.Full):  # else it looks when it has done the rest
            self._calls.put_nowait(None)
        ended = wait(self._end_reader, seconds)
        os.close(self._end_reader)
        return ended

    def _submit(self, call: Callable[[], None], *, counted: bool = True) -> None:
        if self._thread is None:
            return  # no job was asked for, or it has ended
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            self.lost += counted

    def _run(self) -> None:
        while not (self._closing and self._calls.empty()):
            call = self._calls.get()
            if call is None:
                break
            try:
                call()
            except EbpftraceError as error:
                self._fail(error.what, error.why)
            except Exception as error:
                # A thread that dies would lose every later run without a word.
                self._fail("the history failed", repr(error))
        self._close_store()
        self._reader.close()
        os.close(self._end_writer)

    def _fail(self, what: str, why: str) -> None:
        self.lost += 1
        self.trouble = f"{what}: {why}" if why else what
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        self._close_store()

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except EbpftraceError:
                return  # it has failed before, and that was reported

    def _opened(self) -> Store | None:
        """The store; None for a while after it has failed."""
        if self._store is None and time.monotonic() >= self._retry_at:
            self._store = self._open_store()
            self.trouble = ""
        return self._store

    def _look_up(self, identity: JobIdentity) -> None:
        job = recurring_job(identity) or recurring_job(identity, self._name_of(identity))
        if job is None:
            return
        self._jobs[identity.key] = job
        if len(self._jobs) > _MOST_JOBS:
            self._forget(next(iter(self._jobs)))
        store = self._opened()
        if store is None:
            self.lost += 1
            return
        self.answers.append((identity.key, store.runs(job.key)))

    def _describe(self, job_key: str, program: str, pid: int) -> None:
        if job_key in self._jobs:
            program_file = Path(f"/proc/{pid}/exe")
            device = cached_file_id(program_file)
            about = pid if device is None else ("device", device[0])
            version = self._reader.version(pid, about, program_file)
            versions = self._programs.setdefault(job_key, [])
            versions.append(ProgramVersion(program, version))

    def _add(self, job_key: str, build: BuildRun) -> None:
        job = self._jobs.get(job_key)
        if job is None:
            return  # it cannot be told from others
        run = build(job, tuple(self._programs.get(job_key, ())))
        self._forget(job_key)
        store = self._opened()
        if store is None:
            self.lost += 1
            return
        store.add(run)

    def _forget(self, job_key: str) -> None:
        self._jobs.pop(job_key, None)
        self._programs.pop(job_key, None)
