"""Folders are emptied within their bounds."""

import os
import stat
from pathlib import Path
from threading import Event

import pytest

from ebpftrace.act.actions.support import emptying
from ebpftrace.act.actions.support.emptying import (
    RefusedFolderError,
    open_owned,
    remove_contents,
)
from ebpftrace.host.using import file_id
from tests.support.effort import effort_of

US = os.getuid()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "jobs/42/tmp"
    (made / "go-build1/b001").mkdir(parents=True)
    (made / "go-build1/b001/pkg.a").write_bytes(b"x" * 10_000)
    (made / "socket").touch()
    return made


def emptied(folder: Path, **options: object) -> list[int]:
    fd = open_owned(folder, (folder.parents[1],), US)
    try:
        device = os.fstat(fd).st_dev
        return list(remove_contents(fd, US, device, Event(), **options))  # type: ignore[arg-type]
    finally:
        os.close(fd)


def test_everything_in_the_folder_is_removed(folder: Path) -> None:
    sizes = emptied(folder)
    assert len(sizes) == 2
    assert max(sizes) >= 10_000
    assert list(folder.iterdir()) == []


def test_kept_entries_and_their_folders_stay(folder: Path) -> None:
    kept = (folder / "go-build1/b001/pkg.a").stat().st_ino
    emptied(folder, keep=lambda status: status.st_ino == kept)
    assert (folder / "go-build1/b001/pkg.a").exists()
    assert not (folder / "socket").exists()


def test_excluded_folders_stay_with_their_contents(folder: Path) -> None:
    emptied(folder, excluded=frozenset({file_id(folder / "go-build1")}))
    assert (folder / "go-build1/b001/pkg.a").exists()
    assert not (folder / "socket").exists()


def test_folders_beyond_those_that_are_remembered_are_removed_as_well(folder: Path) -> None:
    for number in range(2 * emptying._MOST_FOLDERS + 5):
        (folder / str(number)).mkdir()
    emptied(folder)
    assert list(folder.iterdir()) == []


def test_folders_that_are_kept_end_it(folder: Path) -> None:
    """However many there are: they come again at each look."""
    for number in range(emptying._MOST_FOLDERS + 5):
        (folder / str(number)).mkdir()
    emptied(folder, keep=lambda status: stat.S_ISDIR(status.st_mode))
    assert all(path.is_dir() for path in folder.iterdir())
    assert len(list(folder.iterdir())) == emptying._MOST_FOLDERS + 6


def test_names_are_not_all_in_memory_at_once(folder: Path) -> None:
    for number in range(10_000):
        (folder / f"{number:0200}").touch()
    sizes = effort_of(lambda: len(emptied(folder)))
    assert sizes.result == 10_002
    assert sizes.peak_bytes < 1 << 20
    assert list(folder.iterdir()) == []


def test_symlink_is_removed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/data").touch()
    (folder / "link").symlink_to(tmp_path / "precious")
    emptied(folder)
    assert list(folder.iterdir()) == []
    assert (tmp_path / "precious/data").exists()


@pytest.mark.parametrize("path", ["../..", "/", "."])
def test_folder_outside_of_the_policy_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(RefusedFolderError, match=r".*"):
        open_owned(folder / path, (folder,), US)


def test_symlink_on_the_path_is_refused(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    with pytest.raises(OSError, match="Not a directory"):
        open_owned(folder.parent / "link/go-build1", (folder.parents[1],), US)


def test_folder_of_another_user_is_refused(folder: Path) -> None:
    with pytest.raises(RefusedFolderError):
        open_owned(folder, (folder.parents[1],), US + 1)
