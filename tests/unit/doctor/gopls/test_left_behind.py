"""What ended gopls left: found only if nothing uses it, and removed without following links."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.gopls.left_behind import (
    LeftBehind,
    check_left_behind,
    left_behind,
    remove,
    used_by_processes,
)

DAEMON, OTHER = "gopls-0a1b2c-daemon.ci", "gopls-ffffff-daemon.ci-x"
USER = os.geteuid()
NONE = frozenset[int]()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # a socket's path has 108 bytes at most
    return tmp_path


@pytest.fixture
def listening(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(DAEMON)
        opened.listen(1)
        yield opened


def hours_later() -> float:
    return time.time() + 7200


def names(folder: Path, users: frozenset[int] = NONE) -> set[str]:
    return {each.name for each in left_behind([folder], lambda: users, now_s=hours_later)}


def test_a_socket_is_left_once_nothing_listens(folder: Path, listening: socket.socket) -> None:
    assert names(folder) == set()
    listening.close()
    assert names(folder) == names(folder, frozenset({USER})) == {DAEMON}


def test_a_daemon_with_a_full_backlog_is_no_ended_one(
    folder: Path, listening: socket.socket
) -> None:
    clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(DAEMON)
    assert names(folder) == set()
    for client in clients:
        client.close()


def test_other_entries_are_none_of_gopls(folder: Path) -> None:
    for name in ("gopls-tempmodx", "gopls-mine", "my-gopls-tempmod1", "gopls-1.details"):
        (folder / name).mkdir()
    (folder / DAEMON).touch()  # no socket
    (folder / OTHER).symlink_to("/tmp")
    (folder / "gopls-tempmod7").symlink_to("/tmp")
    assert names(folder) == set()


def test_temporary_ones_are_left_without_a_gopls_of_the_user(folder: Path) -> None:
    (folder / "gopls-tempmod12").mkdir()
    (folder / "gopls-7.details34").mkdir()
    (folder / "gopls-profile-56").touch()
    assert names(folder) == {"gopls-tempmod12", "gopls-7.details34", "gopls-profile-56"}
    assert names(folder, frozenset({USER})) == set()
    assert left_behind([folder], frozenset) == []  # they are new


def test_entry_that_cannot_be_looked_at_hides_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user may mount a file system in /tmp that root may not look into."""
    there = {f"gopls-tempmod{number}" for number in range(5)}
    for name in there:
        (folder / name).mkdir()
    hidden, look = "", os.stat

    def stat(path: str, **options: Any) -> os.stat_result:
        if path == hidden:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    for hidden in there:  # one of them is the last
        assert names(folder) == there - {hidden}


def test_what_a_process_has_open_or_is_in_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gopls-tempmod1").mkdir()
    (folder / "gopls-tempmod2").mkdir()
    (folder / "gopls-tempmod2/go.mod").touch()
    monkeypatch.chdir(folder / "gopls-tempmod1")
    with Path(folder / "gopls-tempmod2/go.mod").open(encoding="ascii"):
        assert names(folder) == set()
    monkeypatch.chdir(folder)
    assert len(names(folder)) == 2


def test_removing_follows_no_link_and_spares_what_is_used_by_then(folder: Path) -> None:
    outside = folder / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    for name in ("gopls-tempmod1", "gopls-tempmod2", "gopls-tempmod3", "gopls-tempmod4"):
        (folder / name / "below").mkdir(parents=True)
        (folder / name / "below/link").symlink_to(outside)
    found = left_behind([folder], frozenset, now_s=hours_later)
    (folder / "gopls-tempmod2").rename("moved")
    (folder / "gopls-tempmod2").symlink_to(outside)
    (folder / "gopls-tempmod3").rename("moved-too")
    (folder / "gopls-tempmod3").mkdir()  # another one of that name
    with Path("gopls-tempmod4/below/open").open("w", encoding="ascii"):
        removed = remove(found)
    assert [each.name for each in removed] == ["gopls-tempmod1"]
    assert not (folder / "gopls-tempmod1").exists()
    assert (outside / "kept").exists()
    assert (folder / "moved/below/link").is_symlink()
    assert (folder / "gopls-tempmod3").exists()
    assert (folder / "gopls-tempmod4/below/open").exists()


def test_a_socket_that_a_new_daemon_made_is_spared(
    folder: Path, listening: socket.socket
) -> None:
    listening.close()
    found = left_behind([folder], frozenset)
    with socket.socket(socket.AF_UNIX) as again:
        (folder / DAEMON).unlink()
        again.bind(DAEMON)
        again.listen(1)
        assert remove(found) == []
        assert (folder / DAEMON).is_socket()
    assert [each.name for each in remove(left_behind([folder], frozenset))] == [DAEMON]
    assert not (folder / DAEMON).exists()


def test_what_is_there_and_what_was_removed_is_said() -> None:
    entries = [
        LeftBehind(Path("/tmp"), f"gopls-{number}", (1, number), 0, number < 2)
        for number in range(4)
    ]
    (warning,) = check_left_behind(entries, [])
    assert warning.state is CheckState.WARNING
    assert warning.seen.startswith(
        "ended gopls left 2 sockets and 2 temporary entries: /tmp/gopls-0, "
    )
    done, left = check_left_behind(entries, entries[:3])
    assert done.state is CheckState.OK
    assert left.seen == "ended gopls left 1 temporary entry: /tmp/gopls-3"
    assert list(check_left_behind([], [])) == []


def test_nothing_of_this_machine_is_asked_for_without_entries() -> None:
    assert used_by_processes([]) == set()
