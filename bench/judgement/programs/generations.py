"""A parent whose short-lived children each hold more than the one before: `RATE SECONDS`.

RATE is MiB/s by which the sum grows; a child lives 3 s, and two are alive at a time.
"""

import subprocess
import sys
import time

CHILD = (
    "import sys,time; held = bytearray(b'x') * (int(float(sys.argv[1]) * 2**20)); time.sleep(3)"
)


def main() -> None:
    rate, seconds = float(sys.argv[1]), float(sys.argv[2])
    began = time.monotonic()
    children: list[subprocess.Popen[bytes]] = []
    while (now := time.monotonic() - began) < seconds:
        # Two are alive at a time, so each holds half.
        size = str(16 + rate * now / 2)
        children.append(subprocess.Popen([sys.executable, "-c", CHILD, size]))
        time.sleep(1.5)
        children = [child for child in children if child.poll() is None]


main()
