"""`ebpftrace watch` from start to end: what it writes, in which order, and how it ends."""

import json
import re
import signal

import pytest
from rich.cells import cell_len

from tests.support.cli import COLUMNS, ebpftrace
from tests.support.contract import assert_contract
from tests.support.names import unique_comm
from tests.support.records import Watch, holds, process_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20


def test_a_stream_keeps_its_promises_from_start_to_end() -> None:
    comm = unique_comm()
    with Watch("--comm", comm, "--interval", "200ms") as watch:
        with Workload(comm) as workload:
            workload.do("map 20MiB")
            workload.do("touch 0")
            process = process_of(watch.next_snapshot(), workload.pid)
            assert process["comm"] == comm
            assert abs(process["usage"]["anon_bytes"] - 20 * MIB) < MIB
            assert abs(process["mapped_bytes"] - 20 * MIB) < MIB
            workload.do("unmap 0")
            process = process_of(watch.next_snapshot(), workload.pid)
            assert process["usage"]["anon_bytes"] < MIB
            assert process["peak_bytes"] > 20 * MIB
            assert workload.close_input() == 0
            watch.wait_for(lambda record: record.get("event") == "exit")
        ended = watch.stop()
    assert ended.code == 0
    assert not ended.stderr
    assert not watch.garbage
    assert_contract(ended)
    events = [(r["event"], r["pid"], r["exit_code"]) for r in ended.of_type("process")]
    assert events == [("exec", workload.pid, None), ("exit", workload.pid, 0)]
    last = ended.records[-1]
    assert last["reason"] == "interrupted by SIGINT"
    assert [job["processes"] for job in last["jobs"]] == [[]]
    assert last["jobs"][0]["peak_holder"] == f"{comm} {workload.pid}"


def test_the_interval_is_kept_to() -> None:
    with Watch("--comm", unique_comm(), "--interval", "200ms", "--duration", "1s") as watch:
        ended = watch.ended()
    assert ended.code == 0
    assert_contract(ended)
    assert ended.records[0]["interval_ns"] == 200_000_000
    assert ended.records[-1]["reason"] == "the duration has elapsed"
    assert ended.records[-1]["elapsed_ns"] >= 1_000_000_000
    # A busy machine leaves readings out; none ever comes before its time.
    readings = len(ended.of_type("snapshot"))
    assert 2 <= readings <= ended.records[-1]["elapsed_ns"] // 200_000_000 + 1


def test_once_is_one_reading_and_then_the_end() -> None:
    comm = unique_comm()
    with Workload(comm) as workload, Watch("--comm", comm, "--once") as watch:
        ended = watch.ended()
    assert ended.code == 0
    assert_contract(ended)
    assert [r["type"] for r in ended.records] == ["start", "process", "snapshot", "end"]
    assert ended.records[1]["event"] == "found"
    assert process_of(ended.records[2], workload.pid)["usage"]["anon_bytes"] > 0


def test_plain_in_a_pipe_is_one_line_an_update() -> None:
    comm = unique_comm()
    with Workload(comm):
        done = ebpftrace("watch", "--comm", comm, "--interval", "200ms", "--duration", "500ms")
    assert done.returncode == 0
    assert not done.stderr
    lines = done.stdout.splitlines()
    # Some kernels are remarked upon in between, in as many lines as that takes.
    lines = [line for line in lines if not line.startswith(("remark ", " "))]
    kinds = [line.split(" ", 1)[0] for line in lines]
    assert kinds[:2] == ["start", "process"]
    assert set(kinds[2:-3]) == {"snapshot"}
    assert kinds[-3:] == ["end", "job", "loss"]
    assert all(re.search(r"iB, 1 job, 1 proc; ", line) for line in lines[2:-3])
    assert max(map(cell_len, lines)) <= COLUMNS
    assert "\x1b" not in done.stdout


def test_a_table_in_a_file_has_no_escape_sequences() -> None:
    comm = unique_comm()
    with Workload(comm) as workload:
        done = ebpftrace("watch", "--comm", comm, "--once", "--output", "table")
    assert done.returncode == 0, done.stderr
    assert f"{comm} {workload.pid}" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= COLUMNS


def test_a_name_that_never_appears_is_waited_for() -> None:
    comm = unique_comm()
    with Watch("--comm", comm, "--interval", "100ms") as watch:
        watch.next_snapshot()
        ended = watch.stop(signal.SIGTERM)
    assert ended.code == 0
    assert_contract(ended)
    assert ended.records[-1]["jobs"] == []
    assert ended.records[-1]["reason"] == "interrupted by SIGTERM"
    plain = ebpftrace("watch", "--comm", comm, "--duration", "100ms").stdout
    assert f"waiting for a process with comm {comm}" in plain
    assert f"no process with comm {comm} was seen" in plain


NASTY = r"\e[31m[bold]e2"  # as the workload's `name` takes it
SHOWN = r"\x1b[31m[bold]e2"


@pytest.mark.parametrize("output", ["plain", "table", "jsonl"])
def test_a_name_with_escapes_and_markup_is_shown_as_it_is(output: str) -> None:
    with Workload(unique_comm()) as workload:
        workload.do(f"name {NASTY}")
        done = ebpftrace("watch", "--pid", str(workload.pid), "--once", "--output", output)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    if output == "jsonl":
        records = [json.loads(line) for line in done.stdout.splitlines()]
        assert process_of(records[2], workload.pid)["comm"] == SHOWN
    else:
        assert SHOWN in done.stdout


def test_a_pattern_with_escapes_is_cleaned_too() -> None:
    done = ebpftrace("watch", "--comm", "\x1b[31mred", "--once")
    assert done.returncode == 0
    assert r"\x1b[31mred" in done.stdout
    assert "\x1b" not in done.stdout


def test_mapping_calls_are_told_apart_on_request() -> None:
    comm = unique_comm()
    with Watch("--comm", comm, "--mapping-calls", "--interval", "200ms") as watch:
        assert any("mapping calls" in remark for remark in watch.records[0]["remarks"])
        with Workload(comm) as workload:
            watch.wait_for(holds(workload.pid))
            before = process_of(watch.next_snapshot(), workload.pid)["calls"]
            workload.do("map 10MiB")
            workload.do("brk +1MiB")
            workload.do("unmap 0")
            after = process_of(watch.next_snapshot(), workload.pid)["calls"]
    gained = {
        kind: tuple(
            after[kind][field] - before[kind][field]
            for field in ("gained_bytes", "released_bytes")
        )
        for kind in ("mmap", "munmap", "brk")
    }
    assert gained == {"mmap": (10 * MIB, 0), "munmap": (0, 10 * MIB), "brk": (MIB, 0)}
