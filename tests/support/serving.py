"""Runs `ebpftrace serve` as a user does, and asks it over HTTP."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Self, TypeVar

from prometheus_client.metrics_core import Metric

from tests.support.build import ROOT
from tests.support.patience import patient
from tests.support.published import parsed
from tests.support.sessions import end_session, session_mark, text_of

_Found = TypeVar("_Found")

SECONDS = patient(60.0)  # the first start compiles the programs
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Serve:
    """`python -m ebpftrace serve ARGS…` on a port that the kernel chose.

    The context begins when it listens, and ends with the process, whatever it does then.
    """

    def __init__(
        self, *args: str, stdout: int | IO[bytes] = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None, before: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._args, self._stdout, self._before = args, stdout, before
        self._mark = session_mark()
        self._environment = {**os.environ, **(environment or {}), **self._mark}

    def __enter__(self) -> Self:
        self._stderr = tempfile.TemporaryFile()
        argv = ["serve", "--listen", "127.0.0.1:0", "--interval", "200ms", *self._args]
        self.process = subprocess.Popen(
            [*self._before, sys.executable, "-m", "ebpftrace", *argv],
            stdin=subprocess.DEVNULL, stdout=self._stdout, stderr=self._stderr,
            cwd=ROOT, env=self._environment, start_new_session=True,
        )  # fmt: skip
        self.pid = self.process.pid
        try:
            found = self.until(lambda: re.search(r"listening at [\d.]+:(\d+)", self.stderr))
            self.port = int(found[1])
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def stderr(self) -> str:
        """What it wrote there so far."""
        return text_of(self._stderr)

    def until(self, ask: Callable[[], _Found | None]) -> _Found:
        """What `ask` returns once that is true."""
        end = time.monotonic() + SECONDS
        while not (found := ask()):
            assert self.process.poll() is None, (self.process.returncode, self.stderr)
            assert time.monotonic() < end
            time.sleep(0.05)
        return found

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """The status and the body, a text."""
        status, raw = self.fetch(path, **headers)
        return status, raw.decode()

    def fetch(self, path: str, **headers: str) -> tuple[int, bytes]:
        """The status and the body."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            client.request("GET", path, headers=headers)
            found = client.getresponse()
            return found.status, found.read()
        finally:
            client.close()

    def wait_until_ready(self) -> Self:
        """Until /readyz says so."""
        self.until(lambda: self.get("/readyz")[0] == 200)
        return self

    def metrics(self) -> dict[str, Metric]:
        """A scrape, by the strict parser."""
        status, text = self.get("/metrics", Accept=OPEN_METRICS)
        assert status == 200, text
        return parsed(text)

    def value(self, name: str, sample: str = "", **labels: str) -> float | None:
        """The value of the one series with these labels; None if there is none."""
        family = self.metrics().get(name)
        found = [
            one.value
            for one in (family.samples if family else ())
            if labels.items() <= one.labels.items()
            and one.name in (sample or name, sample or f"{name}_total")
        ]
        assert len(found) <= 1, found
        return float(found[0]) if found else None

    def connect(self) -> socket.socket:
        """A connection on which nothing was sent."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, and wait for its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def _close(self) -> None:
        end_session(self.process, self._mark)
        self._stderr.close()
