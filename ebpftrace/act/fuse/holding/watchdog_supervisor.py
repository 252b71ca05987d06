"""The warden: starts the guardian (probe/watchdog.py), and another one should it die."""

import contextlib
import os
import subprocess
import sys

from ebpftrace.probe import watchdog

_END_SECONDS = 5.0


class WatchdogSupervisor:
    """Owns the guardian of one watch, and the pipe whose end tells it of the watch's.

    `map_fd` is the map of who was stopped.
    """

    def __init__(self, map_fd: int) -> None:
        self._map = map_fd
        self._reader, self._writer = os.pipe()
        self._process: subprocess.Popen[bytes] | None = None
        self._told = ""
        self._start()  # where it fails, the next check says so

    @property
    def pid(self) -> int | None:
        """Of the guardian; None where none could be started."""
        return None if self._process is None else self._process.pid

    def check(self) -> str:
        """See that there is one. What happened to it, in words, once; "" where nothing did."""
        told = self._look()
        if told == self._told:
            return ""
        self._told = told
        return told

    def close(self) -> None:
        """The watch ends in order: nobody stands any more, and no program is attached."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writer, watchdog.END)
        os.close(self._writer)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # stopped; it will see it
                self._process.wait(_END_SECONDS)
        os.close(self._reader)

    def _look(self) -> str:
        if self._process is None:
            return self._start()
        code = self._process.poll()
        if code is None:
            return ""
        self._process = None
        ended = f"signal {-code}" if code < 0 else f"code {code}"
        told = f"the guardian of stopped processes ended by {ended}"
        return self._start() or f"{told}; another one took its place"

    def _start(self) -> str:
        """Why there is none; "" where there is."""
        # Neither a reader of our output nor a mount may have to wait for it.
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", watchdog.__file__,
                 str(self._map), str(self._reader)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                pass_fds=(self._map, self._reader),
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return f"stopped processes have no guardian: {error.strerror}"
        return ""
