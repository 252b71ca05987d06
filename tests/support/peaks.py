"""The most memory and the most descriptors that a process had while a test ran."""

import threading
from pathlib import Path

from tests.support.workload import status

_SAMPLE_SECONDS = 0.02


class Peaks:
    """The most memory and the most descriptors that a process had."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="descriptors", daemon=True)
        self.rss_bytes = self.descriptors = 0

    def begin(self) -> None:
        """What it needed to start is forgotten."""
        Path(f"/proc/{self._pid}/clear_refs").write_text("5", "utf-8")  # VmHWM
        self._thread.start()

    def end(self) -> None:
        """It still runs."""
        self.stop()
        self.rss_bytes = status(self._pid)["VmHWM"]

    def stop(self) -> None:
        """No more samples. May be called again."""
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            try:
                count = sum(1 for _ in Path(f"/proc/{self._pid}/fd").iterdir())
            except OSError:
                return  # it has ended
            self.descriptors = max(self.descriptors, count)
