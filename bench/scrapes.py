"""Whether a service is as it was after very many scrapes, of which some are hostile."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Row, Table
from bench.scale import Scale
from bench.serve import Served, serving
from tests.support.workload import status

_HOSTILE_PART = 10
_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n"
_SECONDS = 30.0


def measure(scale: Scale) -> Iterator[Table]:
    """Memory, descriptors and the delay of snapshots before and after."""
    seeded = random.Random(17)
    times = []
    with serving("--comm", "no-such-name") as served:
        for _ in range(20):
            served.scrape(compressed=False)
        before = _state(served)
        latest = 0.0
        held: list[socket.socket] = []
        for number in range(scale.scrape_count):
            if number % _HOSTILE_PART == 0:
                held.append(seeded.choice(_ATTACKS)(served, seeded))
                while len(held) > 100:
                    held.pop(0).close()
            else:
                took, body = served.scrape(compressed=bool(number % 2))
                assert body
                times.append(took)
            if number % 1000 == 0:
                latest = max(latest, served.sample("ebpftrace_snapshot_lag_seconds"))
        for one in held:
            one.close()
        time.sleep(1.0)
        after = _state(served)
    what = f"{scale.scrape_count:,} scrapes, each tenth of them hostile"
    yield Table("scrapes", what, "ms", (Row("a scrape, waiting included", tuple(times)),))
    yield Table(
        "scrapes", "resident memory", "MiB",
        (Row("before", (before[0],)), Row("after", (after[0],))),
        footnotes=(
            f"descriptors: {before[1]} before, {after[1]} after",
            f"the latest of the snapshots looked at was {1000 * latest:.1f} ms late",
        ),
    )  # fmt: skip


def _state(served: Served) -> tuple[float, int]:
    descriptors = len(list(Path(f"/proc/{served.pid}/fd").iterdir()))
    return status(served.pid)["VmRSS"] / 2**20, descriptors


def _connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), _SECONDS)


def _fuzzed(served: Served, seeded: random.Random) -> socket.socket:
    noise = bytearray(_REQUEST)
    for _ in range(seeded.randrange(1, 12)):
        noise[seeded.randrange(len(noise))] = seeded.randrange(256)
    sock = _connected(served)
    sock.sendall(noise)
    return sock


def _half_open(served: Served, _: random.Random) -> socket.socket:
    return _connected(served)


def _slow(served: Served, seeded: random.Random) -> socket.socket:
    """A part of a request."""
    sock = _connected(served)
    sock.sendall(_REQUEST[: seeded.randrange(1, len(_REQUEST))])
    return sock


def _never_read(served: Served, _: random.Random) -> socket.socket:
    sock = _connected(served)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.sendall(_REQUEST)
    return sock


_ATTACKS: tuple[Callable[[Served, random.Random], socket.socket], ...] = (
    _fuzzed, _half_open, _slow, _never_read,
)  # fmt: skip
