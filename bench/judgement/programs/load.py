"""A program that keeps, frees and leaks memory on request. CPython's own, no libraries.

Every size is MiB, every rate MiB/s, every time seconds; see `bench.judgement.shapes`.
"""

import argparse
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

MIB = 1 << 20
STEP = 0.1


def touched(mib: float) -> bytearray:
    return bytearray(os.urandom(64)) * max(1, int(mib * MIB / 64))


def mapped(mib: float) -> mmap.mmap:
    """Memory that goes back to the system when it is closed: malloc would keep it."""
    size = max(1, int(mib * MIB))
    made = mmap.mmap(-1, size)
    made.write(b"x" * size)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("burst", "leak", "tooth", "churn", "on", "off", "after", "seconds", "until"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--tmpfs", type=Path)
    parser.add_argument("--children", action="store_true")
    args = parser.parse_args()
    kept: list[bytearray] = []
    tooth: list[mmap.mmap] = []
    children: list[subprocess.Popen[bytes]] = []
    began = time.monotonic()
    gained = filled = 0.0
    while args.burst and gained < args.burst:
        kept.append(touched(20))
        gained += 20
        time.sleep(STEP)
    leaked = 0.0
    while (now := time.monotonic() - began) < args.seconds:
        time.sleep(STEP)
        resting = args.off and now % (args.on + args.off) > args.on
        full = args.until and leaked >= args.until
        if args.leak and now >= args.after and not resting and not full:
            gain = args.leak * STEP
            leaked += gain
            if args.children:
                # Each child holds 16 MiB and never ends.
                if len(children) * 16 < leaked:
                    children.append(
                        subprocess.Popen([sys.executable, __file__, "--burst", "16",
                                          "--seconds", "600"])
                    )  # fmt: skip
            elif args.tmpfs:
                with args.tmpfs.open("ab") as file:
                    file.write(touched(gain))
            else:
                kept.append(touched(gain))
        if args.churn:
            touched(args.churn * STEP)
        if args.tooth:
            tooth.append(mapped(args.tooth / 40))
            filled += 1
            if filled >= 40:
                for part in tooth:
                    part.close()
                tooth.clear()
                filled = 0


main()
