"""Device and inode without a question to the file's server."""

from pathlib import Path

import pytest

from ebpftrace.host.cached_id import cached_file_id


@pytest.mark.parametrize("path", ["/proc/self/exe", "/proc/self/cwd", "/dev/null", "/"])
def test_it_is_what_stat_says(path: str) -> None:
    status = Path(path).stat()
    assert cached_file_id(Path(path)) == (status.st_dev, status.st_ino)


def test_path_without_a_file_has_none(tmp_path: Path) -> None:
    assert cached_file_id(tmp_path / "gone") is None
    (tmp_path / "link").symlink_to("gone")
    assert cached_file_id(tmp_path / "link") is None
