"""Descendants: as the kernel lists them for each thread, or by a scan of all processes."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ebpftrace.events import ProcessKey
from ebpftrace.host import children as reader
from ebpftrace.host.children import descendants
from ebpftrace.host.proc import read_stat
from tests.support.fakeroot import FakeRoot
from tests.support.incidents import key_of
from tests.support.process_state import until

TREE = {10: 1, 11: 10, 12: 10, 13: 11, 20: 1, 21: 20}  # pid: parent


def fake_tree(root: Path, *, lists: bool) -> FakeRoot:
    """Each process has two threads, of which the second started its children."""
    fake = FakeRoot(root)
    for pid, parent in TREE.items():
        fake.process(pid, parent)
    if lists:
        for name in ("self", *map(str, TREE)):
            born = [child for child, parent in TREE.items() if str(parent) == name]
            for thread, children in ((1000, []), (1001, born)):
                folder = fake.proc / f"{name}/task/{thread}"
                folder.mkdir(parents=True)
                (folder / "children").write_text("".join(f"{child} " for child in children))
    return fake


def key(fake: FakeRoot, pid: int) -> ProcessKey:
    stat = read_stat(pid, fake.proc)
    assert stat is not None
    return ProcessKey(pid, stat.start_boottime_ns)


def pids(fake: FakeRoot, *keys: ProcessKey) -> list[int]:
    return [stat.pid for stat in descendants(keys, fake.proc)]


@pytest.mark.parametrize("lists", [True, False])
def test_nearest_descendants_come_first(tmp_path: Path, lists: bool) -> None:
    fake = fake_tree(tmp_path, lists=lists)
    assert pids(fake, key(fake, 10)) == [11, 12, 13]
    assert pids(fake, key(fake, 20), key(fake, 11)) == [21, 13]
    assert pids(fake, key(fake, 10), key(fake, 11)) == [12, 13]  # each once
    assert pids(fake, key(fake, 13)) == []


@pytest.mark.parametrize("lists", [True, False])
def test_later_process_with_the_pid_has_other_children(tmp_path: Path, lists: bool) -> None:
    fake = fake_tree(tmp_path, lists=lists)
    assert pids(fake, ProcessKey(10, 1)) == []
    assert pids(fake, ProcessKey(99, 1)) == []  # gone


def test_child_that_has_another_parent_by_now_is_left_out(tmp_path: Path) -> None:
    fake = fake_tree(tmp_path, lists=True)
    fake.process(12, 1)
    assert pids(fake, key(fake, 10)) == [11, 13]


def test_lists_of_the_kernel_agree_with_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = ["sh", "-c", "cat | sh -c 'cat; true'"]
    with subprocess.Popen(pipeline, stdin=subprocess.PIPE) as shell:
        root = key_of(shell.pid)
        until(lambda: len(list(descendants([root]))) == 3)
        listed = {stat.pid for stat in descendants([root])}
        monkeypatch.setattr(reader, "_has_lists", lambda _proc: False)
        assert {stat.pid for stat in descendants([root])} == listed
        # The end of its input ends them all.


def listing(
    fake: FakeRoot, pid: int | str, threads: Sequence[int], born: Sequence[int]
) -> None:
    """The kernel lists these children for the last of these threads."""
    for thread in threads:
        folder = fake.proc / f"{pid}/task/{thread}"
        folder.mkdir(parents=True)
        (folder / "children").write_text(
            " ".join(map(str, born if thread == threads[-1] else ()))
        )


@pytest.mark.parametrize("threads", [1, 20], ids=["children", "threads"])
def test_reads_are_bounded_and_shared(tmp_path: Path, threads: int) -> None:
    """One process has more than may be read; the child of the other is found all the same."""
    fake = FakeRoot(tmp_path)
    listing(fake, "self", [1], [])
    many, other = range(1000, 1020), 20
    for pid in (10, other):
        fake.process(pid)
    listing(fake, 10, range(100, 100 + threads), many)
    listing(fake, other, [200], [21])
    for pid, parent in (*((pid, 10) for pid in many), (21, other)):
        fake.process(pid, parent)
    keys = [key(fake, 10), key(fake, other)]
    found = {stat.pid for stat in descendants(keys, fake.proc, most_reads=16)}
    assert 21 in found
    assert len(found) <= 8
    assert {stat.pid for stat in descendants(keys, fake.proc)} == {*many, 21}


def test_what_a_process_does_not_need_is_left_to_its_descendants(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    listing(fake, "self", [1], [])
    for pid in range(10, 30):
        fake.process(pid, pid - 1)
        listing(fake, pid, [pid], [pid + 1])
    found = [stat.pid for stat in descendants([key(fake, 10)], fake.proc, most_reads=20)]
    assert found == list(range(11, 21))  # a thread and a child for each
