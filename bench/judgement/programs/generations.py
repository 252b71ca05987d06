"""A parent whose short-lived children each hold more than the one before: `RATE SECONDS`.

RATE is MiB/s by which their sum grows; a child lives 3 s, and about six are alive at a time.
"""

import subprocess
import sys
import time

ALIVE = 6
LIFE_SECONDS = 3
CHILD = (
    "import sys, time; held = bytearray(b'x') * int(float(sys.argv[1]) * 2**20); "
    f"time.sleep({LIFE_SECONDS})"
)


def main() -> None:
    rate, seconds = float(sys.argv[1]), float(sys.argv[2])
    began = time.monotonic()
    children: list[subprocess.Popen[bytes]] = []
    while (now := time.monotonic() - began) < seconds:
        size = str(4 + rate * now / ALIVE)
        children.append(subprocess.Popen([sys.executable, "-c", CHILD, size]))
        time.sleep(LIFE_SECONDS / ALIVE)
        children = [child for child in children if child.poll() is None]


main()
