"""The output is not read: the breaker acts all the same, and losses are reported."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.units import MIB
from tests.support.acting import SECONDS, logged, policy
from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.patience import patient
from tests.support.records import Record
from tests.support.respawn import COMM
from tests.support.sessions import end_session, session_mark, text_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

UNREAD_SECONDS = patient(20.0)  # until more is written than the watch keeps
CROWD = 250  # at ten snapshots a second some megabytes in that time


@contextmanager
def crowd(group: MemoryCgroup) -> Iterator[None]:
    """Processes enough to make each snapshot a long one."""
    mark = session_mark()
    script = f"for i in $(seq {CROWD}); do sleep 600 & done; wait"
    parent = group.run(
        ["sh", "-c", script],
        env={**os.environ, **mark},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        end_session(parent, mark)


@contextmanager
def unread(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A watch that ends in order and in silence, and both ends of its output's pipe."""
    mark = session_mark()
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "ebpftrace", "watch", *options],
            cwd=ROOT,
            env={**os.environ, **mark},
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            yield process, reader, writer
            assert (process.wait(SECONDS), text_of(stderr)) == (0, "")
        finally:
            end_session(process, mark)
            os.close(reader)


def is_full(writer: int) -> bool:
    """Whether a pipe takes no more."""
    return not select.select([], [writer], [], 0)[1]


def until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for it, as long as the process lives."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_breaker_acts_while_its_output_is_not_read(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    file = policy(tmp_path, then=f'{{ action = "shell", line = "echo $$ >{hook}" }}')
    options = (
        "--interval",
        "100ms",
        "--config",
        str(file),
        "--audit",
        f"{tmp_path}/audit.jsonl",
    )
    with (
        memory_cgroup() as group,
        crowd(group),
        unread(*("--cgroup", group.name, "--comm", "*", "--output", "jsonl"), *options) as (
            process,
            reader,
            writer,
        ),
        Workload(COMM, cgroup=group) as leaky,
    ):
        until(lambda: is_full(writer), process)
        full = time.monotonic()
        leaky.do("map 100MiB")
        leaky.do("touch 0")
        until(hook.exists, process)
        assert is_full(writer)
        until(lambda: bool(logged(tmp_path, "outcome")), process)
        time.sleep(max(0.0, full + UNREAD_SECONDS - time.monotonic()))
        os.close(writer)
        records: list[Record] = []
        with os.fdopen(os.dup(reader), "rb") as lines:
            for line in lines:
                assert line.endswith(b"\n")
                records.append(json.loads(line))
                if records[-1]["type"] == "loss":
                    process.send_signal(signal.SIGINT)
    (loss,) = (one for one in records if one["type"] == "loss")
    assert (loss["cause"], loss["count"]) == ("unread_output", loss["total"])
    numbers = [one["sequence"] for one in records if one["type"] == "snapshot"]
    assert numbers == sorted(numbers)
    assert 0 < numbers[-1] - len(numbers) <= loss["count"]
    steps = [one for one in records if one["type"] == "step"]
    assert sorted((one["action"], one["status"]) for one in steps) == [
        ("capture", "done"),
        ("shell", "done"),
    ]
    assert len([one for one in records if one["type"] == "outcome"]) == 1
    assert [one for one in records if one["type"] == "finding"]
    assert max(one["self"]["rss_bytes"] for one in records if "self" in one) < 60 * MIB
    assert records[-1]["type"] == "end"


@pytest.mark.parametrize("output", ["plain", "table", "jsonl"])
def test_a_late_reader_has_everything(output: str) -> None:
    """More than a pipe holds, and no signal: it waits for its reader, without a limit."""
    with memory_cgroup() as group, crowd(group):
        options = ("--cgroup", group.name, "--comm", "*", "--output", output)
        script = 'exec "$@" | { sleep 3; cat; }'
        done = ebpftrace(
            *("watch", *options, "--interval", "100ms", "--duration", "1s"),
            before=["sh", "-c", script, "sh"],
        )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert not any("unread" in line for line in lines)
    if output == "jsonl":
        records = [json.loads(line) for line in lines]
        numbers = [one["sequence"] for one in records if one["type"] == "snapshot"]
        assert numbers == list(range(1, len(numbers) + 1))
        assert records[-1]["type"] == "end"
        assert len(done.stdout) > 1 << 16
    else:
        assert lines[-1].startswith("loss ")
