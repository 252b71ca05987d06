"""A process beside a job: polls, and keeps every answer. Its argument is MiB a second."""

import sys
import time

from keeping import Keeper  # type: ignore[import-not-found]

keeper = Keeper(float(sys.argv[1]))
while keeper.keep():
    time.sleep(0.1)
