"""Asks Prometheus on a thread of its own, so that a slow answer delays no key and no signal."""

import os
import threading
from collections.abc import Callable

from ebpftrace.errors import PrometheusError
from ebpftrace.fleet.fleet import FleetReading


class Asker:
    """One round of queries at a time. Its thread is left behind if it hangs at the end."""

    def __init__(self, read: Callable[[], FleetReading]) -> None:
        self._read = read
        self._answer: FleetReading | Exception | None = None
        self._is_asking = False
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable once there is an answer."""

    def ask(self) -> None:
        """Begin a round, unless one is under way."""
        if not self._is_asking:
            self._is_asking = True
            threading.Thread(target=self._run, name="prometheus", daemon=True).start()

    def take(self) -> FleetReading | PrometheusError | None:
        """The answer or the error of the last round, once; None if there is no new one."""
        answer, self._answer = self._answer, None
        if answer is not None:
            os.eventfd_read(self.fd)
            self._is_asking = False
        if isinstance(answer, Exception) and not isinstance(answer, PrometheusError):
            raise answer  # a mistake of ours
        return answer

    def _run(self) -> None:
        try:
            self._answer = self._read()
        except Exception as error:
            self._answer = error
        os.eventfd_write(self.fd, 1)
