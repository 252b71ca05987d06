"""A leak that no single process accounts for: the breaker ends the parent, or the group."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ebpftrace.host import proc
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.records import Record, Watch
from tests.support.sessions import end_session, session_mark
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SECONDS = patient(60.0)

# Twelve at a time, each of which lives for three seconds and holds more than the last.
_SPAWNER = """
size=4
while :; do
  "$0" --do "map ${size}MiB; touch 0; sleep 3000; exit 0" &
  size=$((size + 1))
  sleep 0.25
done
"""


def policy(folder: Path, *comms: str, bound: str = "96MiB") -> Path:
    names = ", ".join(f'"{one}"' for one in comms)
    file = folder / "policy.toml"
    file.write_text(f"""
        [[policy]]
        name = "spread"
        match = {{ comm = [{names}] }}
        grace = "2s"
        budget = {{ restarts = 1 }}
        when = [{{ detector = "growth", bound = "{bound}", window = "60s" }}]
        then = [
            {{ action = "capture", folder = "{folder}/evidence" }},
            {{ action = "signal", grace = "1s" }},
        ]
    """)
    return file


def watching(folder: Path, *comms: str) -> Watch:
    audit = ("--audit", str(folder / "audit.jsonl"))
    config = ("--config", str(policy(folder, *comms)))
    return Watch("--interval", "500ms", *config, *audit)


def is_outcome(record: Record) -> bool:
    return bool(record["type"] == "outcome")


def logged(folder: Path, kind: str) -> list[Record]:
    lines = (folder / "audit.jsonl").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["type"] == kind]


def steps(watch: Watch) -> list[tuple[str, str]]:
    reported = [one for one in watch.records if one["type"] == "step"]
    return [(one["action"], one["status"]) for one in reported]


@contextmanager
def spawner(group: MemoryCgroup, comm: str, shell: str) -> Iterator[int]:
    """A shell of this name that starts workers one after the other; its pid."""
    program = Workload(comm)
    mark = session_mark()
    script = program.program.with_name("spawn.sh")
    script.write_text(f"printf {shell} >/proc/$$/comm\n{_SPAWNER}")
    parent = group.run(
        ["sh", "-c", script.read_text(), program.program],
        env={**os.environ, **mark},
        start_new_session=True,
    )
    try:
        yield parent.pid
    finally:
        end_session(parent, mark)


def test_the_parent_of_short_lived_children_is_ended_with_them(tmp_path: Path) -> None:
    comm, shell = unique_comm(), unique_comm()
    with (
        memory_cgroup() as group,
        watching(tmp_path, comm, shell) as watch,
        spawner(group, comm, shell) as parent,
    ):
        outcome = watch.wait_for(is_outcome, SECONDS)
        assert group.pids() == []
    assert outcome["helped"], outcome
    assert outcome["pid"] == parent
    assert f"{shell} {parent} is gone" in outcome["sentence"]
    assert outcome["freed_bytes"] > 64 * MIB
    assert steps(watch) == [("capture", "done"), ("signal", "done")]
    (incident,) = logged(tmp_path, "incident")
    assert incident["facts"]["job_held_bytes"] > 96 * MIB


def test_workers_without_a_watched_parent_are_ended_as_one(tmp_path: Path) -> None:
    """Eight at once, each growing a little, and one that does not and lives on."""
    comm = unique_comm()
    with memory_cgroup() as group, ExitStack() as stack:
        watch = stack.enter_context(watching(tmp_path, comm))
        workers = [stack.enter_context(Workload(comm, cgroup=group)) for _ in range(8)]
        calm = stack.enter_context(Workload(comm, cgroup=group))
        watch.next_snapshot()
        for one in workers:
            one.send("grow 4MiB 200MiB")
        outcome = watch.wait_for(is_outcome, SECONDS)
        assert calm.do("map 1MiB")
        alive = [one.pid for one in workers if (stat := proc.read_stat(one.pid))
                 and stat.state not in "ZX"]  # fmt: skip
    assert alive == []
    assert outcome["helped"], outcome
    assert "and 7 others are gone, no successor came" in outcome["sentence"]
    assert outcome["freed_bytes"] > 64 * MIB
    assert steps(watch) == [("capture", "done"), ("signal", "done")]
    (incident,) = logged(tmp_path, "incident")
    assert len(incident["facts"]["other_pids"]) == 7
    assert calm.pid not in incident["facts"]["other_pids"]
    spent = [one for one in logged(tmp_path, "step_started") if one["spends_budget"]]
    assert len(spent) == 1
    others = json.loads((Path(outcome["evidence"]) / "others.json").read_bytes())
    assert len(others) == 7


def test_workers_that_come_back_and_grow_again_meet_the_budget(tmp_path: Path) -> None:
    """The parent is not watched: its children are ended once, and then it is said."""
    comm = unique_comm()
    file = policy(tmp_path, comm)
    file.write_text(file.read_text().replace("budget", 'cooldown = "0s"\nbudget'))
    audit = ("--audit", str(tmp_path / "audit.jsonl"))
    with (
        memory_cgroup() as group,
        Watch("--interval", "500ms", "--config", str(file), *audit) as watch,
        spawner(group, comm, unique_comm()),
    ):
        first = watch.wait_for(is_outcome, SECONDS)
        second = watch.wait_for(is_outcome, SECONDS, since=watch.records.index(first) + 1)
    assert "others" in first["sentence"]
    assert not second["helped"]
    assert "budget spent: 1 restart" in second["sentence"]
