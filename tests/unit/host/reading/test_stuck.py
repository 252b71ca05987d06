"""Reads that are stuck are bounded, in all and for each user."""

import os
from pathlib import Path

import pytest

from ebpftrace.host.reading.stuck import MOST_OF_OWNER, MOST_STUCK, StuckReads, owner_of


def status(folder: Path, pid: int, uids: str, cgroup: str = "0::/a\n") -> None:
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "status").write_text(f"Name:\tUid:\t7\nUid:\t{uids}\nGid:\t0\n")
    (folder / str(pid) / "cgroup").write_text(cgroup)


def test_owner_is_the_real_user_whatever_the_others_are(tmp_path: Path) -> None:
    status(tmp_path, 10, "1000\t0\t0\t0")
    status(tmp_path, 11, "1000\t1000\t1000\t1000", "0::/b\n")
    assert owner_of(10, tmp_path) == owner_of(11, tmp_path) == 1000


def test_root_of_a_container_is_known_by_its_cgroup(tmp_path: Path) -> None:
    status(tmp_path, 10, "0\t0\t0\t0", "0::/a\n")
    status(tmp_path, 11, "0\t1000\t0\t0", "0::/a\n")
    status(tmp_path, 12, "0\t0\t0\t0", "0::/b\n")
    assert owner_of(10, tmp_path) == owner_of(11, tmp_path) != owner_of(12, tmp_path)


def test_users_of_a_rootless_container_are_one_owner(tmp_path: Path) -> None:
    for pid, uid in ((10, 100_000), (11, 165_535), (12, 165_536)):
        status(tmp_path, pid, f"{uid}\t0\t0\t0")
    assert owner_of(10, tmp_path) == owner_of(11, tmp_path) != owner_of(12, tmp_path)


@pytest.mark.parametrize("raw", ["", "Uid:\n", "Uid:\tx\t0\t0\t0\n", f"Uid:\t{'9' * 99}\t\n"])
def test_process_that_cannot_be_read_has_no_owner(tmp_path: Path, raw: str) -> None:
    status(tmp_path, 10, "1\t1\t1\t1")
    (tmp_path / "10/status").write_text(raw)
    assert owner_of(10, tmp_path) is None
    assert owner_of(11, tmp_path) is None


def test_own_process_has_an_owner() -> None:
    assert owner_of(os.getpid()) is not None


def test_nothing_is_refused_and_no_owner_looked_for_while_nothing_is_stuck() -> None:
    ended: set[str] = set()
    stuck = StuckReads[str](ended.__contains__, lambda pid: pytest.fail(f"looked for {pid}"))
    assert not stuck.refuses("disk", 10)
    stuck._owner = lambda pid: pid
    stuck.add("disk", 10, "first")
    assert stuck.refuses("disk", 11)
    assert not stuck.refuses("other disk", 10)
    ended.add("first")
    assert not stuck.refuses("disk", 11)
    assert stuck.reads == []


def test_owner_has_a_share_and_all_together_a_bound() -> None:
    stuck = StuckReads[int](lambda _read: False, lambda pid: pid // 100)
    for number in range(MOST_OF_OWNER):
        assert not stuck.refuses(("disk", number), 100 + number)
        stuck.add(("disk", number), 100 + number, number)
    assert stuck.refuses("another", 199)
    assert not stuck.refuses("another", 200)
    for number in range(MOST_STUCK - MOST_OF_OWNER):
        stuck.add(("other disk", number), 200 + 100 * number, number)
    assert stuck.refuses("one more", 5000)
