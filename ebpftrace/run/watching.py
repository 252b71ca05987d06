"""A watch of the command's cgroup, beside it: a process of its own, whose records are kept."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import Any

from ebpftrace.text import clean

Record = dict[str, Any]

_END_SECONDS = 5.0
_MOST_EVENTS = 200
_MOST_POINTS = 3600
_MOST_LINE = 4 << 20
_CODE = "import sys; sys.path[:] = {0!r}; from ebpftrace.__main__ import main; main()"
_EVENTS = {"finding", "step", "outcome", "fuse", "oom_kill"}


class WatchBeside:
    """`ebpftrace watch` with these options. It ends at `end`, or when this process does.

    `started` is set once it has taken its first snapshot, or has failed.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.started = threading.Event()
        self.events: list[Record] = []
        """Findings, steps, outcomes, fuses and OOM kills, as docs/jsonl.md has them."""

        self.points: list[tuple[int, int]] = []
        """(CLOCK_MONOTONIC ns, held bytes) of each snapshot; a new peak is the next one's."""

        self._peak_bytes = 0

        self.last: Record | None = None
        """Its end, with all jobs and their peaks."""

        self.was_late = False
        """Whether it was ended before it had begun."""

        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        self._process = subprocess.Popen(
            # With our own path: the Debian package is on no other. -I: and with nothing else.
            [sys.executable, "-I", "-c", _CODE.format(sys.path), "watch", "--output", "jsonl",
             *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr,
            start_new_session=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)

    def begin(self) -> None:
        """Read its records, on a thread: call this when no process is forked any more.

        The thread takes no signal, since signals are for the command.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._thread.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    @property
    def trouble(self) -> str:
        """What it wrote to stderr, on one line."""
        self._stderr.seek(0)
        return clean(b" ".join(self._stderr.read(4096).split()), 400)

    def end(self) -> None:
        """End it and wait for its last record, unless it has not begun yet."""
        begun = self.started.is_set() and self.exit_code is None
        self.was_late = not begun and self.exit_code is None
        self._process.send_signal(signal.SIGTERM if begun else signal.SIGKILL)
        if self._thread.ident is not None:  # `begin` was called
            self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(_MOST_LINE):
            try:
                record = json.loads(line)
            except ValueError:
                continue  # it was cut off
            if isinstance(record, dict):
                self._take(record)
        self.started.set()

    def _take(self, record: Record) -> None:
        kind = record.get("type")
        if kind in ("snapshot", "end"):
            usage = record["usage"]
            held = usage["anon_bytes"] + usage["shmem_bytes"] + usage["swap_bytes"]
            peak = max((job["peak_bytes"] for job in record["jobs"]), default=0)
            if peak > self._peak_bytes:  # it was reached since the last snapshot
                held, self._peak_bytes = max(held, peak), peak
            if len(self.points) < _MOST_POINTS:
                self.points.append((record["monotonic_ns"], held))
            if kind == "end":
                self.last = record
            self.started.set()
        elif kind in _EVENTS and len(self.events) < _MOST_EVENTS:
            self.events.append(record)
