"""Maps a file and reads pages of it: `FILE MIB random|scan SECONDS`. CPython's own.

`random`: any page of the first MIB, as an index or a program's text is read; `scan`: one
page after the other, over and over.
"""

import mmap
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096
AT_ONCE = 100


def pages(count: int, order: str) -> Iterator[int]:
    anywhere = random.Random(1)
    while True:
        for page in range(count):
            yield anywhere.randrange(count) if order == "random" else page


def main() -> None:
    name, mib, order, seconds = sys.argv[1:]
    size = int(mib) << 20
    with (
        Path(name).open("rb") as file,
        mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as at,
    ):
        end, wanted = time.monotonic() + float(seconds), pages(size // PAGE, order)
        while time.monotonic() < end:
            for _ in range(AT_ONCE):
                at[next(wanted) * PAGE]


main()
