"""Starts the watchdog (probe/watchdog.py), and a new one if it ends."""

import contextlib
import os
import subprocess
import sys

from ebpftrace.host import pidfd
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.probe import watchdog

_END_SECONDS = 5.0


class WatchdogSupervisor:
    """Owns the watchdog of one watch, and the pipe that reports the end of the watch to it.

    `map_fd` is the fuse's map of stopped processes.
    """

    def __init__(self, map_fd: int) -> None:
        self._map = map_fd
        self._reader, self._writer = os.pipe()
        self._process: subprocess.Popen[bytes] | None = None
        self._reported = ""
        self._start()  # if it fails, the next check reports that

    @property
    def pid(self) -> int | None:
        """None where no watchdog could be started."""
        return None if self._process is None else self._process.pid

    def check(self) -> str:
        """Start a watchdog if there is none. Returns what happened, once, or ""."""
        trouble = self._restart()
        if trouble == self._reported:
            return ""
        self._reported = trouble
        return trouble

    def close(self, wait: WaitReadable = wait_readable) -> None:
        """End the watchdog: all processes are resumed, and no program is attached.

        It takes 0.1 s longer, for a program of the fuse that still runs on another CPU. A
        watchdog that has not ended after 5 s is left behind.
        """
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writer, watchdog.END)
        os.close(self._writer)
        if self._process is not None:
            # One that is stopped reads of the end once it runs again.
            with contextlib.suppress(OSError):
                fd = pidfd.open_by_pid(self._process.pid)
                try:
                    wait(fd, _END_SECONDS)
                finally:
                    os.close(fd)
            self._process.poll()
        os.close(self._reader)

    def _restart(self) -> str:
        if self._process is None:
            return self._start()
        code = self._process.poll()
        if code is None:
            return ""
        self._process = None
        ended = f"signal {-code}" if code < 0 else f"code {code}"
        trouble = f"the watchdog of stopped processes ended by {ended}"
        return self._start() or f"{trouble}; a new one was started"

    def _start(self) -> str:
        """Why it could not be started; "" if it was."""
        # It must hold neither a pipe of our output nor a mount.
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
            return f"stopped processes have no watchdog: {error.strerror}"
        return ""
