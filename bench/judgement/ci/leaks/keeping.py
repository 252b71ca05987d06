"""What a leak in Python does: keeps RATE MiB for each second that has passed."""

import os
import threading
import time

_MIB = 1 << 20
_LONGEST_SECONDS = 100.0  # should nothing end it


class Keeper:
    """Keeps `rate` MiB a second, however seldom it is asked."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._began = time.monotonic()
        self._kept: list[bytes] = []
        self._bytes = 0

    def keep(self) -> bool:
        """Keep what is due; False when it is time to end."""
        seconds = time.monotonic() - self._began
        due = int(seconds * self._rate * _MIB) - self._bytes
        if due > 0:
            self._kept.append(b"k" * due)
            self._bytes += due
        return seconds < _LONGEST_SECONDS


def keep_in_background() -> None:
    """From now on, at LEAK MiB a second; the program does not end before this does."""
    keeper = Keeper(float(os.environ["LEAK"]))

    def run() -> None:
        while keeper.keep():
            time.sleep(0.1)

    threading.Thread(target=run).start()
