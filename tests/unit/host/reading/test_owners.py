"""Whose process it is: its user, also where that has many numbers."""

import os
from pathlib import Path

import pytest

from ebpftrace.host.reading import owners
from ebpftrace.host.reading.owners import _SubUids, is_full, owner_of, shares_of

NONE = _SubUids(Path("/nonexistent"))


def status(folder: Path, pid: int, uids: str, cgroup: str = "0::/a\n") -> None:
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "status").write_text(f"Name:\tUid:\t7\nUid:\t{uids}\nGid:\t0\n")
    (folder / str(pid) / "cgroup").write_text(cgroup)


def test_owner_is_the_real_user_whatever_the_others_are(tmp_path: Path) -> None:
    status(tmp_path, 10, "1000\t0\t0\t0")
    status(tmp_path, 11, "1000\t1000\t1000\t1000", "0::/b\n")
    assert owner_of(10, tmp_path, NONE) == owner_of(11, tmp_path, NONE) == 1000


def test_root_of_a_container_is_known_by_its_cgroup(tmp_path: Path) -> None:
    status(tmp_path, 10, "0\t0\t0\t0", "0::/a\n")
    status(tmp_path, 11, "0\t1000\t0\t0", "0::/a\n")
    status(tmp_path, 12, "0\t0\t0\t0", "0::/b\n")
    assert owner_of(10, tmp_path) == owner_of(11, tmp_path) != owner_of(12, tmp_path)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A folder of root's, which others may not write to."""
    made = tmp_path / "etc"
    made.mkdir(mode=0o755)
    return made


def listed(
    folder: Path, subuid: str, passwd: str = "alice:x:1000:1000::/:/bin/sh\n"
) -> _SubUids:
    for name, text in (("subuid", subuid), ("passwd", passwd)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    return _SubUids(folder)


def test_sub_uid_is_the_user_s_whose_it_is(tmp_path: Path, etc: Path) -> None:
    known = listed(etc, "alice:100000:65536\n1001:165536:65536\nldap:231072:65536\n")
    for pid, uid in enumerate((1000, 100_000, 165_535), start=10):
        status(tmp_path, pid, f"{uid}\t0\t0\t0")
        assert owner_of(pid, tmp_path, known) == 1000
    assert [known.owner(uid) for uid in (165_536, 231_071, 231_072, 296_608, 99_999)] == [
        1001, 1001, b"ldap", None, None,
    ]  # fmt: skip


def test_user_of_a_directory_is_itself(tmp_path: Path, etc: Path) -> None:
    known = listed(etc, "alice:100000:65536\n")
    for pid, uid in ((10, 1_234_567), (11, 1_234_568)):
        status(tmp_path, pid, f"{uid}\t{uid}\t{uid}\t{uid}")
        assert owner_of(pid, tmp_path, known) == uid


def test_containers_of_root_are_not_one_user(etc: Path) -> None:
    known = listed(etc, "root:1000000:1000000000\n", "root:x:0:0::/:/bin/sh\n")
    first, same, other = (known.owner(uid) for uid in (1_000_000, 1_065_535, 1_065_536))
    assert first == same != other
    assert None not in (first, other)


def test_ranges_are_read_again_once_they_have_changed(etc: Path) -> None:
    known = listed(etc, "alice:100000:65536\n")
    assert known.owner(200_000) is None
    (etc / "subuid").write_text("alice:100000:65536\n1007:165536:65536\n")
    assert known.owner(200_000) == 1007
    (etc / "subuid").unlink()
    assert known.owner(200_000) is None


def test_list_that_another_user_may_write_is_not_obeyed(etc: Path) -> None:
    known = listed(etc, "1007:100000:65536\n")
    (etc / "subuid").chmod(0o666)
    assert known.owner(100_000) is None


@pytest.mark.parametrize(
    "text",
    ["alice:100000\n", "alice:x:65536\n", f"alice:{'9' * 30}:1\n", "\x00\n", ":100000:65536\n"],
)
def test_line_that_is_none_of_a_range_says_nothing(etc: Path, text: str) -> None:
    known = listed(etc, text + "1007:200000:1\n")
    assert known.owner(100_000) is None
    assert known.owner(200_000) == 1007


@pytest.mark.parametrize("raw", ["", "Uid:\n", "Uid:\tx\t0\t0\t0\n", f"Uid:\t{'9' * 99}\t\n"])
def test_process_that_cannot_be_read_has_no_owner(tmp_path: Path, raw: str) -> None:
    status(tmp_path, 10, "1\t1\t1\t1")
    (tmp_path / "10/status").write_text(raw)
    assert owner_of(10, tmp_path) is None
    assert owner_of(11, tmp_path) is None


def test_own_process_has_an_owner() -> None:
    assert owner_of(os.getpid()) is not None


def test_only_numbers_that_nothing_lists_count_together() -> None:
    for owner in (1000, 99_999, b"ldap", ("container", 100_000, 1), b"0::/a\n", None):
        assert shares_of(owner) == ((owner, 1),)
    assert shares_of(100_000)[1] == shares_of(165_535)[1] != shares_of(165_536)[1]


def test_owner_has_its_share_and_its_neighbours_two() -> None:
    uids = [owners._UNLISTED + n for n in range(4)]
    assert is_full(7, [7, 7], 2)
    assert not is_full(7, [7, 8, 8], 2)
    assert is_full(uids[0], [uids[0]] * 2, 2)
    assert not is_full(uids[3], uids[:3], 2)
    assert is_full(uids[3], [*uids[:3], uids[0]], 2)
    assert not is_full(7, [*uids, *uids], 2)
