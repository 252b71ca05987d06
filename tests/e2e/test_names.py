"""Names that processes give themselves, and patterns that match none: as a user sees them."""

from pathlib import Path

import pytest

from tests.support.cli import ebpftrace
from tests.support.names import unique_comm
from tests.support.records import Record, Watch, process_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

FAST = ("--interval", "200ms")
POLICY = """[[policy]]
name = "{name}"
match = {{ comm = "{comm}" }}
when = [{{ detector = "level", bound = "1TiB" }}]
then = [{{ action = "signal" }}]
"""


def words(text: str) -> str:
    """A text whose lines were wrapped at any width, as one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("before", [True, False])
def test_watch_and_policy_know_a_process_by_the_name_it_was_executed_under(
    tmp_path: Path, before: bool
) -> None:
    comm = unique_comm()
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.format(name="node", comm=comm))
    with Workload(comm) as workload:
        if before:
            workload.do("name MainThread")
        with Watch("--comm", comm, *FAST) as watch:
            watch.next_snapshot()
            if not before:
                workload.do("name MainThread")
                watch.wait_for(lambda record: record.get("event") == "rename")
            process = process_of(watch.next_snapshot(), workload.pid)
        assert (process["comm"], process["exec_name"]) == ("MainThread", comm)
        told = ebpftrace("policy", "explain", str(file), "--pid", str(workload.pid))
    assert f"MainThread {workload.pid}, executed as {comm}," in words(told.stdout)
    assert "applies node" in words(told.stdout)


@pytest.mark.parametrize("output", ["plain", "table", "jsonl"])
def test_pattern_that_matches_nothing_is_told_once_in_every_view(output: str) -> None:
    done = ebpftrace(
        "watch", "--once", "--no-config", "--comm", "/usr/bin/gopls", "--output", output
    )
    assert done.returncode == 0, done.stderr
    text = words(done.stdout)
    assert text.count("matches no process") == 1, text
    assert "use 'gopls'" in text


def test_policy_check_warns_of_what_can_never_match(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        POLICY.format(name="a", comm="typescript-language-s*")
        + POLICY.format(name="b", comm="gopls")
        + POLICY.format(name="c", comm="gopls")
    )
    done = ebpftrace("policy", "check", str(file))
    assert done.returncode == 0
    told = words(done.stderr)
    assert "policy a: comm 'typescript-language-s*' matches no process" in told
    assert "such as 'typescript-lang*'" in told
    assert "policy c never applies: b comes first" in told


def test_policy_that_no_watched_process_can_match_is_told(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.format(name="node", comm="node"))
    done = ebpftrace(
        "watch", "--once", "--config", str(file), "--comm", "gopls", "--output", "plain",
        "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "policy node matches no watched process" in words(done.stdout)
    assert "--comm 'gopls' --comm 'node'" in words(done.stdout)


def is_remark(record: Record) -> bool:
    return bool(record["type"] == "remark")


def test_program_that_a_shim_becomes_is_reported_with_the_remedy() -> None:
    shim = unique_comm()
    with Watch("--comm", shim, *FAST) as watch, Workload(shim) as workload:
        watch.wait_for(lambda record: record.get("comm") == shim)
        workload.do(f"exec {workload.named(f'.{shim}-wrapped')}")
        text = watch.wait_for(is_remark)["text"]
    name = f".{shim}-wrapped"[:15]
    assert f"{name} {workload.pid} is the program behind {shim}" in text
    assert f"add --comm {name};" in text


def test_program_that_a_shim_has_started_is_reported_as_well() -> None:
    shim = unique_comm()
    with Workload(shim) as workload:
        (child,) = workload.do(f"spawn {workload.named(f'.{shim}-wrapped')}")
        with Watch("--comm", shim, *FAST) as watch:
            assert f" {child} is the program behind {shim}" in watch.wait_for(is_remark)["text"]
