"""Runs `ebpftrace watch` as a user does, and reads its JSON Lines as they come."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tests.support.build import ROOT
from tests.support.patience import patient
from tests.support.sessions import end_session, session_mark, text_of

Record = dict[str, Any]

START_SECONDS = patient(60.0)  # the first start compiles the programs
WAIT_SECONDS = patient(20.0)
END_SECONDS = patient(20.0)


@dataclass(frozen=True)
class Ended:
    """How a run ended, with all it wrote."""

    code: int  # minus the signal, if one ended it
    stderr: str
    records: tuple[Record, ...]

    def of_type(self, kind: str) -> list[Record]:
        """The records of one type, in order."""
        return [record for record in self.records if record["type"] == kind]


class Watch:
    """`python -m ebpftrace watch --output jsonl ARGS…`, in a session of its own.

    The context begins when the first record, `start`, has come: the probes are attached.
    It ends with the run, interrupted if need be; a run that was never asked to stop is
    stopped, and nothing is asserted of it.
    """

    def __init__(self, *args: str, environment: Mapping[str, str] | None = None) -> None:
        self._args = args
        self._mark = session_mark()
        self._environment = {**os.environ, **(environment or {}), **self._mark}
        self.records: list[Record] = []  # grows as it runs; read it through `wait_for`
        self.garbage: list[bytes] = []  # lines on stdout that are not JSON objects
        self._arrived = threading.Condition()
        self._over = False

    @property
    def argv(self) -> Sequence[str]:
        """The command line."""
        return [sys.executable, "-m", "ebpftrace", "watch", "--output", "jsonl", *self._args]

    def __enter__(self) -> Self:
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=ROOT,
            env=self._environment,
            start_new_session=True,
        )
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read, name="records", daemon=True)
        self._reader.start()
        try:
            self.wait_for(lambda record: record["type"] == "start", START_SECONDS)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def wait_for(
        self,
        wanted: Callable[[Record], bool],
        timeout: float = WAIT_SECONDS,
        *,
        since: int = 0,
    ) -> Record:
        """The first record, of those after the first `since`, that is wanted.

        AssertionError, with the last record and stderr, if it does not come in `timeout`
        seconds or the run is over.
        """
        found: list[Record] = []
        looked_at = since

        def arrived() -> bool:
            nonlocal looked_at
            while looked_at < len(self.records) and not found:
                if wanted(self.records[looked_at]):
                    found.append(self.records[looked_at])
                looked_at += 1
            return bool(found) or self._over

        with self._arrived:
            in_time = self._arrived.wait_for(arrived, timeout)
            if found:
                return found[0]
            last = json.dumps(self.records[-1])[:2000] if self.records else "none"
        reason = "the run ended" if in_time else f"{timeout} s passed"
        raise AssertionError(
            f"{reason} and no such record came of {len(self.records)}\n"
            f"last record: {last}\nnot JSON: {self.garbage[:5]}\nstderr: {self.stderr()}"
        )

    def next_snapshot(self, timeout: float = WAIT_SECONDS) -> Record:
        """A snapshot taken wholly after this call: the second that arrives from now on."""
        with self._arrived:
            here = len(self.records)
        arrived = self.wait_for(_is_snapshot, timeout, since=here)
        with self._arrived:
            here = self.records.index(arrived, here) + 1
        return self.wait_for(_is_snapshot, timeout, since=here)

    def stop(self, number: int = signal.SIGINT, timeout: float = END_SECONDS) -> Ended:
        """Interrupt it, as Ctrl-C does, and wait for its end."""
        self.process.send_signal(number)
        return self.ended(timeout)

    def ended(self, timeout: float = END_SECONDS) -> Ended:
        """Wait for its own end (`--once`, `--duration`)."""
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return Ended(code, self.stderr(), tuple(self.records))

    def stderr(self) -> str:
        """What it wrote to its standard error so far."""
        return text_of(self._stderr)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            record = _parsed(line)
            with self._arrived:
                if record is None:
                    self.garbage.append(line)
                else:
                    self.records.append(record)
                self._arrived.notify_all()
        with self._arrived:
            self._over = True
            self._arrived.notify_all()

    def _close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        end_session(self.process, self._mark)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._stderr.close()


def run(*args: str, timeout: float = END_SECONDS) -> subprocess.CompletedProcess[str]:
    """`python -m ebpftrace ARGS…` to its end, with its output as text."""
    return subprocess.run(
        [sys.executable, "-m", "ebpftrace", *args],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def job_of(snapshot: Record, pid: int) -> Record:
    """The job a process is in; AssertionError if it is in none."""
    for job in snapshot["jobs"]:
        if any(process["pid"] == pid for process in job["processes"]):
            found: Record = job
            return found
    raise AssertionError(f"pid {pid} is in no job of {json.dumps(snapshot)[:2000]}")


def process_of(snapshot: Record, pid: int) -> Record:
    """A process of a snapshot; AssertionError if it is not there."""
    for process in job_of(snapshot, pid)["processes"]:
        if process["pid"] == pid:
            found: Record = process
            return found
    raise AssertionError(f"pid {pid} is not there")


def held_bytes(snapshot: Record, pid: int) -> int:
    """What a process of a snapshot holds: anon, shmem and swap."""
    usage = process_of(snapshot, pid)["usage"]
    held: int = usage["anon_bytes"] + usage["shmem_bytes"] + usage["swap_bytes"]
    return held


def holds(pid: int) -> Callable[[Record], bool]:
    """Is it a snapshot with this process in it?"""

    def matches(record: Record) -> bool:
        return _is_snapshot(record) and any(
            process["pid"] == pid for job in record["jobs"] for process in job["processes"]
        )

    return matches


def _is_snapshot(record: Record) -> bool:
    return bool(record["type"] == "snapshot")


def _parsed(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
