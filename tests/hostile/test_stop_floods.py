"""One user's processes reach a fuse's bound, are killed and started anew, without end.

The watch still protects another user's job, and keeps each process that it has stopped.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.acting import SECONDS
from tests.support.build import flood_binary, named
from tests.support.cgroups import memory_cgroup
from tests.support.floods import flood
from tests.support.names import unique_comm
from tests.support.process_state import state
from tests.support.protection import protected_watch
from tests.support.records import Record
from tests.support.workload import status

pytestmark = pytest.mark.kernel

FLOOD = unique_comm()
PROCESSES = 128
BOUND = 2 << 20
MOST_BEYOND = 1 << 20  # before 6.2 each thread counts 64 pages on its own
MOST_STOPS = 192  # with lines of their own in a minute: 3/4 of those of fuse/lines.py
MOST_INCIDENTS = 48
MOST_BYTES = 1 << 20  # of lines about the attacker within a minute
MINUTE_NS = 60_000_000_000
POLICIES = """
[[policy]]
name = "flood"
match.comm = "{comm}"
capture = false
fuse = {{ bound = "2MiB", of = "process" }}
then = {steps}
"""
KEPT = '[{ action = "exec", command = ["sleep", "300"], timeout = "5m" }]'
"""Of these nothing is resumed."""
ENDED = '[{ action = "exec", command = ["/bin/true"] }]'
"""And then SIGKILL, until the budget is spent."""


@pytest.mark.parametrize("steps", [KEPT, ENDED])
def test_job_is_protected_during_a_flood_of_stops(tmp_path: Path, steps: str) -> None:
    options = ("--comm", FLOOD, "--interval", "250ms")
    policies = POLICIES.format(comm=FLOOD, steps=steps)
    program = named(flood_binary(), FLOOD, tmp_path)
    with (
        memory_cgroup() as flooded,
        protected_watch(tmp_path, *options, policies=policies, scope=[flooded]) as protection,
    ):
        protection.begin()
        with flood(flooded, ["stops", str(PROCESSES)], program) as lasts:
            protection.watch.wait_for(is_remark("without a line"), SECONDS)
            for _ in range(10):
                protection.watch.next_snapshot(SECONDS)
                if steps is KEPT:
                    assert max(held(flooded.pids()), default=0) < BOUND + MOST_BEYOND
            protection.works()
            assert lasts()
            stops = [it for it in protection.of_attack("fuse") if it["event"] == "stopped"]
            armed = stops[PROCESSES:]  # the first ones may have grown before they had a bound
            assert armed
            assert all(stop["held_bytes"] < BOUND + MOST_BEYOND for stop in armed)
            protection.ends(descriptors=256 + 2 * PROCESSES)  # with some that have ended
            assert lasts()
            assert not any(state(pid) == "T" for pid in flooded.pids())
        assert_few_lines(tmp_path / "audit.jsonl", flooded.name)


def is_remark(text: str) -> Callable[[Record], bool]:
    return lambda record: record["type"] == "remark" and text in record["text"]


def held(pids: list[int]) -> Iterator[int]:
    for pid in pids:
        try:
            yield status(pid).get("RssAnon", 0)
        except (FileNotFoundError, ProcessLookupError):
            continue  # killed by its sibling


def assert_few_lines(audit: Path, cgroup: str) -> None:
    """Of the attacker, in each minute; what has none is counted."""
    incidents: set[str] = set()
    lines: list[Record] = []
    size = 0
    for line in audit.read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["type"] == "incident" and record["facts"]["cgroup"] == cgroup:
            incidents.add(record["incident"])
        if record.get("incident") in incidents or record.get("job", {}).get("cgroup") == cgroup:
            lines.append(record)
            size += len(line)
    minutes = len({record["monotonic_ns"] // MINUTE_NS for record in lines})
    stops = [record for record in lines if record.get("event") == "stopped"]
    assert 0 < len(stops) <= MOST_STOPS * minutes
    assert 0 < len(incidents) <= MOST_INCIDENTS * minutes
    assert size < MOST_BYTES * minutes
    assert sum(record.get("unlogged", 0) for record in lines) > len(stops)
