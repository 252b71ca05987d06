"""Where a job's user may replace folders, root writes with that user's rights."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.errors import UntrustedError
from ebpftrace.run.files import open_appended, open_output

USER = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of that user, with a file of root beside it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "roots").write_text("kept")
        found = Path(name) / "job"
        found.mkdir()
        os.chown(found, USER, USER)
        yield found


@pytest.mark.parametrize("appended", [False, True])
def test_file_in_a_folder_of_a_user_is_the_users(folder: Path, appended: bool) -> None:
    file = folder / "out"
    fd = open_appended(file) if appended else open_output("the summary", file)
    os.write(fd, b"text")
    os.close(fd)
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (USER, USER, 0o644)
    assert file.read_text() == "text"
    assert os.geteuid() == os.getegid() == 0


@pytest.mark.parametrize("appended", [False, True])
@pytest.mark.parametrize("swapped", ["link", "folder/roots", "hard"])
def test_file_of_root_cannot_be_reached(folder: Path, swapped: str, appended: bool) -> None:
    roots = folder.parent / "roots"
    if swapped == "folder/roots":
        (folder / "folder").symlink_to(folder.parent)
        os.chown(folder / "folder", USER, USER, follow_symlinks=False)
    elif swapped == "hard":
        (folder / swapped).hardlink_to(roots)
    else:
        (folder / swapped).symlink_to(roots)
    with pytest.raises(OSError, match=r"Permission denied|symbolic links"):
        if appended:
            open_appended(folder / swapped)
        else:
            open_output("the summary", folder / swapped)
    assert roots.read_text() == "kept"
    assert os.geteuid() == 0


def test_file_of_root_in_a_folder_of_root_is_written_by_root(folder: Path) -> None:
    os.close(open_output("the summary", folder.parent / "out"))
    assert (folder.parent / "out").stat().st_uid == 0


def test_folder_that_everyone_may_write_to_is_refused(folder: Path) -> None:
    everyone = folder.parent / "everyone"
    everyone.mkdir()
    everyone.chmod(0o777)
    with pytest.raises(UntrustedError, match="other users could change"):
        open_output("the summary", everyone / "out")
