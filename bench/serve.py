"""What `ebpftrace serve` costs, and how long a scrape takes, beside very many processes."""

import http.client
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.cpu import cpu_ns
from bench.figures import Row, Table
from bench.many import many_processes
from bench.scale import Scale
from tests.support.build import ROOT
from tests.support.sessions import text_of
from tests.support.workload import status

_CAPS = {"20,000 series at most": "20000", "all series": "1000000"}
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running service."""

    pid: int
    port: int

    def scrape(self, *, compressed: bool) -> tuple[float, bytes]:
        """Milliseconds from the connection to the last byte, and the body."""
        headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
        headers |= {"Accept-Encoding": "gzip"} if compressed else {}
        began = time.perf_counter()
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_START_SECONDS)
        client.request("GET", "/metrics", headers=headers)
        body = client.getresponse().read()
        took = time.perf_counter() - began
        client.close()
        return 1000 * took, body

    def is_ready(self) -> bool:
        """Whether it has taken a snapshot."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_START_SECONDS)
        client.request("GET", "/readyz")
        status_code = client.getresponse().status
        client.close()
        return status_code == 200

    def sample(self, name: str) -> float:
        """The value of a metric without labels."""
        found = re.search(rf"^{name} (\S+)$".encode(), self.scrape(compressed=False)[1], re.M)
        assert found is not None
        return float(found[1])


def measure(scale: Scale) -> Iterator[Table]:
    """For the most processes of `scale.many`, with the default cap and without one."""
    processes, cgroups, changing = max(scale.many)
    times: list[Row] = []
    sizes: list[Row] = []
    made: list[Row] = []
    costs: list[Row] = []
    memory: list[Row] = []
    with many_processes(processes, cgroups, changing):
        for label, most in _CAPS.items():
            with serving("--comm", "storm-*", "--max-series", most) as served:
                time.sleep(scale.many_settle)
                costs.append(Row(f"{label}: not scraped", (_cpu_percent(served, scale, 0),)))
                for coding, compressed in (("plain", False), ("gzip", True)):
                    scrapes = []
                    for _ in range(scale.scrapes):
                        time.sleep(1.2)  # a page is made anew each second
                        scrapes.append(served.scrape(compressed=compressed))
                    times.append(Row(f"{label}, {coding}", tuple(ms for ms, _ in scrapes)))
                    bodies = [body for _, body in scrapes]
                    sizes.append(Row(f"{label}, {coding}", (len(bodies[-1]) / 1000,)))
                    if not compressed:
                        made.append(Row(label, tuple(map(_cpu_ms, bodies[1:] or bodies))))
                scraped = _cpu_percent(served, scale, scale.scrape_every)
                costs.append(Row(f"{label}: scraped each {scale.scrape_every:g} s", (scraped,)))
                memory.append(Row(label, (status(served.pid)["VmRSS"] / 2**20,)))
    where = f"{processes:,} processes in {cgroups:,} cgroups, {changing} of which change"
    yield Table("serve", f"a scrape with {where}", "ms", tuple(times))
    yield Table("serve", "CPU time of making its page", "ms", tuple(made))
    yield Table("serve", "bytes of it", "kB", tuple(sizes))
    yield Table("serve", f"CPU time then, over {scale.serve_seconds:g} s", "%", tuple(costs))
    yield Table("serve", "resident memory then", "MiB", tuple(memory))


def _cpu_ms(page: bytes) -> float:
    """Of the page before."""
    found = re.search(rb"^ebpftrace_page_cpu_seconds (\S+)$", page, re.MULTILINE)
    assert found is not None
    return 1000 * float(found[1])


def _cpu_percent(served: Served, scale: Scale, every: float) -> float:
    began, before = time.monotonic_ns(), cpu_ns(served.pid)
    end = time.monotonic() + scale.serve_seconds
    while (left := end - time.monotonic()) > 0:
        if every:
            served.scrape(compressed=True)
        time.sleep(min(every, left) if every else left)
    return 100 * (cpu_ns(served.pid) - before) / (time.monotonic_ns() - began)


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """A service with these options, once it is ready."""
    history = () if "--history" in options else ("--no-history",)
    argv: Sequence[str] = [
        sys.executable, "-m", "ebpftrace", "serve", "--listen", "127.0.0.1:0", "--no-config",
        *history, *options,
    ]  # fmt: skip
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, cwd=ROOT
        )
        try:
            until = time.monotonic() + _START_SECONDS
            while (found := re.search(r"listening at [\d.]+:(\d+)", text_of(stderr))) is None:
                assert time.monotonic() < until
                assert process.poll() is None, text_of(stderr)
                time.sleep(0.05)
            served = Served(process.pid, int(found[1]))
            while not served.is_ready():
                assert time.monotonic() < until
                time.sleep(0.05)
            yield served
        finally:
            process.terminate()
            process.wait()
