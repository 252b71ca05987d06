from pathlib import Path

import pytest

from ebpftrace.host.kernfs import KernfsHandles


def test_missing_mount_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KernfsHandles(tmp_path / "missing")


def test_another_file_system_has_no_folder_for_an_id(tmp_path: Path) -> None:
    """Real folders are opened by handle in tests/kernel; ext4 and tmpfs have other handles."""
    handles = KernfsHandles(tmp_path)
    try:
        answer = handles.folder(tmp_path.stat().st_ino)
    except OSError:
        answer = None
    finally:
        handles.close()
    assert answer is None
