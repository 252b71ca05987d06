"""Programs behind a shim, in a /proc made for it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ebpftrace.engine.names import wrapped as wrapped_module
from ebpftrace.engine.names.wrapped import WrappedPrograms
from ebpftrace.events import ProcessKey, ProcessStarted, StartCause
from ebpftrace.host import children
from ebpftrace.host.proc import Stat
from ebpftrace.probe import Selection
from tests.support.fakeroot import FakeRoot
from tests.support.scripted_entries import ScriptedEntries

MOST_READS = 600
"""Each takes about 10 us, and the engine may be blocked for 20 ms."""


@pytest.fixture
def fake(tmp_path: Path) -> FakeRoot:
    return FakeRoot(tmp_path)


def looking(fake: FakeRoot, *comms: str, children: bool = False) -> WrappedPrograms:
    fake.proc.mkdir(exist_ok=True)
    return WrappedPrograms(Selection(comms=comms, children=children), fake.proc)


def started(pid: int, comm: str = "gopls", exec_name: str = "") -> ProcessStarted:
    key = ProcessKey(pid, pid * 10 * 10_000_000)  # FakeRoot starts it at ten ticks a pid
    return ProcessStarted(1, key, 1, StartCause.EXEC, comm, 1, exec_name=exec_name)


def is_program(fake: FakeRoot, pid: int, path: str) -> None:
    (fake.proc / f"{pid}/exe").symlink_to(path)


@pytest.mark.parametrize("comm", [".gopls-wrapped", "gopls.bin", "gopls-real", "gopls.distrib"])
def test_program_that_runs_when_the_watch_begins(fake: FakeRoot, comm: str) -> None:
    wrapped = looking(fake, "gopls")
    fake.process(10, comm=comm)
    fake.process(11, comm=comm)
    wrapped.look()
    (remark,) = wrapped.take_remarks()
    assert remark.startswith(f"{comm} 10 is the program behind gopls") or f"{comm} 11" in remark
    assert f"add --comm {comm}" in remark
    assert f'comm = ["gopls", "{comm}"]' in remark
    fake.process(12, comm=comm)
    wrapped.executed(12)
    assert not list(wrapped.take_remarks()), "reported once"


def test_20000_processes_that_run_when_the_watch_begins_are_seen_in_many_looks(
    fake: FakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = ScriptedEntries(["self", *map(str, range(1000, 21_000)), "uptime"])
    read: list[int] = []

    def read_comm(pid: int, _proc: Path) -> str | None:
        read.append(pid)
        return {20_999: "gopls.bin", 1001: None}.get(pid, "sh")

    monkeypatch.setattr(wrapped_module, "read_comm", read_comm)
    wrapped = looking(fake, "gopls")
    monkeypatch.setattr(os, "scandir", lambda _proc: entries)
    for _ in range(200):
        before = (entries.read, len(read))
        wrapped.look()
        assert entries.read - before[0] <= MOST_READS
        assert len(read) - before[1] <= MOST_READS
    assert read == [*range(1000, 21_000)], "each is read once"
    (remark,) = wrapped.take_remarks()
    assert remark.startswith("gopls.bin 20999 ")


def test_program_that_a_shim_becomes(fake: FakeRoot) -> None:
    wrapped = looking(fake, "node", "gopls")
    wrapped.look()
    fake.process(10, comm=".gopls-wrapped")
    wrapped.executed(10)
    assert len(list(wrapped.take_remarks())) == 1
    fake.process(11, comm="bash")
    wrapped.executed(11)
    assert not list(wrapped.take_remarks())


@pytest.mark.parametrize("between", [False, True])
def test_program_that_a_shim_starts(fake: FakeRoot, between: bool) -> None:
    wrapped = looking(fake, "gopls")
    wrapped.look()
    fake.process(10, comm="gopls")
    wrapped.started(started(10))
    wrapped.look()
    assert not list(wrapped.take_remarks()), "it has no child yet"
    fake.process(11, 10, comm="sh" if between else ".gopls-wrapped")
    fake.process(12, 11, comm=".gopls-wrapped")
    wrapped.look()
    (remark,) = wrapped.take_remarks()
    assert ".gopls-wrapped" in remark


@pytest.mark.parametrize("comms", [("gopls", "*"), ("gopls", ".gopls-wrapped"), ("go*",)])
def test_watched_program_is_no_secret(fake: FakeRoot, comms: tuple[str, ...]) -> None:
    wrapped = looking(fake, *comms)
    fake.process(10, comm=".gopls-wrapped")
    wrapped.look()
    assert not list(wrapped.take_remarks())


def test_watch_of_descendants_has_it_anyway(fake: FakeRoot) -> None:
    wrapped = looking(fake, "gopls", children=True)
    fake.process(10, comm=".gopls-wrapped")
    wrapped.look()
    assert not list(wrapped.take_remarks())


def test_long_name_is_compared_with_the_file(fake: FakeRoot) -> None:
    wrapped = looking(fake, "typescript-language-server")
    for pid, path in (
        (10, "/x/.typescript-langmuir"),
        (11, "/x/.typescript-language-server-wrapped"),
    ):
        fake.process(pid, comm=".typescript-lan")
        is_program(fake, pid, path)
    wrapped.look()
    (remark,) = wrapped.take_remarks()
    assert remark.startswith(".typescript-lan 11 ")


def test_looks_at_children_are_bounded(fake: FakeRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def descendants(keys: Sequence[ProcessKey], _proc: Path, most_reads: int) -> tuple[()]:
        looked.extend(keys)
        assert most_reads <= MOST_READS
        return ()

    monkeypatch.setattr("ebpftrace.engine.names.wrapped.descendants", descendants)
    wrapped = looking(fake, "gopls")
    for pid in range(10, 1000):
        wrapped.started(started(pid))
    for _ in range(100):
        wrapped.look()
    assert 0 < len(looked) <= 40


def test_all_that_started_are_looked_behind_in_one_call(
    fake: FakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call reads all processes of the machine, where the kernel lists no children."""
    calls: list[list[int]] = []
    original = children.descendants

    def descendants(keys: Sequence[ProcessKey], proc: Path, most_reads: int) -> Iterator[Stat]:
        calls.append([key.pid for key in keys])
        return original(keys, proc, most_reads)

    monkeypatch.setattr("ebpftrace.engine.names.wrapped.descendants", descendants)
    wrapped = looking(fake, "gopls", "node")
    for pid, name in ((10, "gopls"), (20, "node")):
        fake.process(pid, comm=name)
        wrapped.started(started(pid, name))
    fake.process(21, 20, comm="node.bin")
    wrapped.look()
    assert calls == [[10, 20]]
    (remark,) = wrapped.take_remarks()
    assert remark.startswith("node.bin 21 ")
    wrapped.look()
    wrapped.look()
    assert len(calls) == 2, "each is looked behind twice"
