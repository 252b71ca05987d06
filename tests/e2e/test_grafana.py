"""deploy/grafana: a real Prometheus answers each query of the dashboard about a real leak.

A job leaks until the kernel stops it and the policy ends it. A query may have its answer at any
time until then, since a rate of a climb is there only while something climbs.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.prometheus import Prometheus, scraping
from tests.support.serving import Serve
from tests.support.workload import Workload

MIB = 1 << 20
LIMIT = 256 * MIB
NAME = f"drawn{os.getpid()}"[:15]
FILE = ROOT / "deploy" / "grafana" / "ebpftrace.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_A_CLIMB = ("limit_eta_seconds", "growth_bytes_per_second")
CLIMB = 150  # MiB at most, below the fuse
VARIABLES = {"job": "ebpftrace", "instance": ".*", "__rate_interval": "10s", "__interval": "1h"}
POLICY = f"""
[[policy]]
name = "drawn"
match.comm = "{NAME}"
grace = "0s"
capture = false
fuse = "80%"
then = [{{ action = "signal" }}]
"""


def substituted(query: str) -> str:
    """As Grafana sends it."""
    query = re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], query)
    assert "$" not in query
    return query


def test_every_panel_says_what_it_shows_and_none_covers_another() -> None:
    assert [panel["title"] for panel in PANELS if not panel["description"]] == []
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, (panel["title"], taken[x, y])
                taken[x, y] = panel["title"]


def test_every_query_is_of_the_chosen_job_and_nodes() -> None:
    for query in QUERIES:
        metrics = re.findall(r"\b(?:ebpftrace_\w+|up)\b", query)
        chosen = re.findall(
            r"\b(?:ebpftrace_\w+|up){job=\"\$job\", instance=~\"\$instance\"", query
        )
        assert metrics
        assert len(chosen) == len(metrics), query


@pytest.mark.kernel
def test_every_query_has_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY, encoding="utf-8")
    left = {substituted(query) for query in QUERIES}
    assert len(left) > 20
    with (
        memory_cgroup(LIMIT) as group,
        Serve("--comm", NAME, "--no-history", "--config", str(file),
              "--audit", str(tmp_path / "audit.jsonl"), "--keep-ended", "1h") as served,
        scraping(served.port, tmp_path) as prometheus,
        Workload(NAME, cgroup=group) as leak,
    ):  # fmt: skip
        served.until(lambda: prometheus.query("ebpftrace_job_running == 1"))
        for step in range(CLIMB):  # at the pace of the snapshots
            _grow(leak, served, step)
            left -= _answered(prometheus, left)
            if not any(name in query for query in left for name in OF_A_CLIMB):
                break
        leak.do(f"map {240 - step}MiB")
        leak.send(f"touch {step + 1}")  # the kernel stops it, the policy ends it
        assert leak.wait() < 0

        def all_have() -> bool:
            left.difference_update(_answered(prometheus, left))
            return not left

        try:
            served.until(all_have)
        except AssertionError:
            pytest.fail("no answer: " + "\n".join(sorted(left)))
        for metric in ("actions", "incidents", "fuse_events"):  # the first of its kind as well
            (query,) = (one for one in QUERIES if f"_{metric}_total" in one)
            assert any(float(one["value"][1]) for one in prometheus.query(substituted(query)))


def _grow(leak: Workload, served: Serve, step: int) -> None:
    leak.do(f"map {MIB}")
    leak.do(f"touch {step}")
    before = served.value("ebpftrace_snapshots") or 0
    served.until(lambda: (served.value("ebpftrace_snapshots") or 0) > before)


def _answered(prometheus: Prometheus, queries: set[str]) -> set[str]:
    return {query for query in queries if prometheus.query(query)}
