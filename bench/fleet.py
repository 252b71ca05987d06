"""What a fleet costs its Prometheus: the series of a node, and of many nodes in a real one."""

import gzip
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import cpu_ns
from bench.figures import Row, Table
from bench.many import many_processes
from bench.scale import Scale
from bench.serve import serving
from tests.support.build import ROOT
from tests.support.workload import status

_RULES = ROOT / "deploy" / "prometheus" / "ebpftrace.rules.yml"
_START_SECONDS = 300.0
_QUERY = "topk(20, ebpftrace_job_memory_held_bytes)"


@dataclass(frozen=True, slots=True)
class _Prometheus:
    pid: int
    port: int
    data: Path

    def own(self, name: str) -> float:
        """The sum of a metric of its own."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=_START_SECONDS) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def count(self, expression: str) -> int:
        """The value of an instant query; 0 without one."""
        found = self.query(f"sum({expression})")
        return int(float(found[0]["value"][1])) if found else 0

    def query(self, expression: str) -> list[dict[str, list[str]]]:
        """The vector of an instant query."""
        asked = urllib.parse.urlencode({"query": expression})
        url = f"http://127.0.0.1:{self.port}/api/v1/query?{asked}"
        with urllib.request.urlopen(url, timeout=_START_SECONDS) as answer:
            found: list[dict[str, list[str]]] = json.load(answer)["data"]["result"]
        return found


def measure(scale: Scale) -> Iterator[Table]:
    """One real node, then so many that answer with its pages."""
    processes, cgroups, changing = scale.fleet_node
    with tempfile.TemporaryDirectory(prefix="ebpftrace-bench-") as name:
        folder = Path(name)
        pages = _pages(scale, folder)
        text = gzip.decompress(pages[-1].read_bytes())
        series = sum(not line.startswith(b"#") for line in text.splitlines())
        what = (
            f"a node with {processes} processes in {cgroups} jobs, {changing} of which change"
        )
        yield Table("fleet", f"series of {what}", "series", (Row("all", (series,)),))
        yield Table(
            "fleet", "bytes of its scrape", "kB",
            (Row("plain", (len(text) / 1000,)),
             Row("gzip", (pages[-1].stat().st_size / 1000,))),
        )  # fmt: skip
        rows: dict[str, list[Row]] = {}
        for nodes in scale.fleet_nodes:
            for unit, value in _of_many(nodes, pages, folder / str(nodes), scale).items():
                rows.setdefault(unit, []).append(Row(f"{nodes:,} nodes", value))
    every = f"scraped each {scale.scrape_every:g} s, with the rules of deploy/prometheus"
    titles = {
        "series": f"series in one Prometheus, {every}",
        "samples/s": "samples that it takes in then",
        "MiB": "its resident memory",
        "%": f"its CPU time, of one processor, over {scale.fleet_seconds:g} s",
        "bytes": "what a sample takes in its write-ahead log",
        "ms": "the largest 20 jobs of all nodes, an instant query",
    }
    for unit, title in titles.items():
        yield Table("fleet", title, unit, tuple(rows[unit]))


def _pages(scale: Scale, folder: Path) -> list[Path]:
    """Compressed, of one node, a scrape interval apart."""
    made = []
    with many_processes(*scale.fleet_node), serving("--comm", "storm-*") as served:
        time.sleep(scale.many_settle)
        for number in range(scale.fleet_pages):
            time.sleep(1.2)  # a page is made anew each second
            _, body = served.scrape(compressed=True)
            made.append(folder / f"{number}.gz")
            made[-1].write_bytes(body)
    return made


def _of_many(
    nodes: int, pages: list[Path], folder: Path, scale: Scale
) -> dict[str, tuple[float, ...]]:
    """Figures by their units."""
    folder.mkdir()
    with _answering(pages) as port, _prometheus(nodes, port, folder, scale) as prometheus:
        until = time.monotonic() + _START_SECONDS
        while prometheus.count("up") < nodes:
            assert time.monotonic() < until, "not every node was scraped"
            time.sleep(1.0)
        time.sleep(2 * scale.scrape_every)
        name = "prometheus_tsdb_head_samples_appended_total"
        before, cpu, began = prometheus.own(name), cpu_ns(prometheus.pid), time.monotonic_ns()
        logged = _size(prometheus.data / "wal")
        time.sleep(scale.fleet_seconds)
        samples = prometheus.own(name) - before
        took = time.monotonic_ns() - began
        used = cpu_ns(prometheus.pid) - cpu
        logged = _size(prometheus.data / "wal") - logged
        asked = []
        for _ in range(5):
            at = time.perf_counter()
            prometheus.query(_QUERY)
            asked.append(1000 * (time.perf_counter() - at))
        return {
            "series": (prometheus.own("prometheus_tsdb_head_series"),),
            "samples/s": (samples * 1e9 / took,),
            "MiB": (status(prometheus.pid)["VmRSS"] / 2**20,),
            "%": (100 * used / took,),
            "bytes": (logged / samples if samples else 0.0,),
            "ms": tuple(asked),
        }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def _answering(pages: list[Path]) -> Iterator[int]:
    """The port at which the nodes answer."""
    argv = [sys.executable, "-m", "bench.fleet_nodes", *map(str, pages)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _prometheus(nodes: int, port: int, folder: Path, scale: Scale) -> Iterator[_Prometheus]:
    """Debian's, which scrapes that many nodes at the port."""
    found = subprocess.run(
        [ROOT / "scripts" / "prometheus"], capture_output=True, text=True, check=True
    ).stdout.strip()
    every = f"{scale.scrape_every:g}s"
    if scale.scrape_every < 1:
        every = f"{1000 * scale.scrape_every:.0f}ms"
    configs = [
        {"targets": [f"127.0.0.1:{port}"],
         "labels": {"__metrics_path__": f"/{node}", "instance": f"node-{node}"}}
        for node in range(nodes)
    ]  # fmt: skip
    config = folder / "prometheus.yml"  # JSON is YAML
    settings = {
        "global": {"scrape_interval": every, "scrape_timeout": every,
                   "evaluation_interval": every},
        "rule_files": [str(_RULES)],
        "scrape_configs": [{"job_name": "ebpftrace", "static_configs": configs}],
    }  # fmt: skip
    config.write_text(json.dumps(settings), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    process = subprocess.Popen(
        [f"{found}/prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{own}", "--log.level=error"],
        stdin=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    try:
        made = _Prometheus(process.pid, own, folder / "data")
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                made.count("up")
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.2)
        yield made
    finally:
        process.terminate()
        process.wait()
