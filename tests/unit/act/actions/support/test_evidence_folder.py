"""The folder of evidence: what was trusted once is looked at again where it has changed."""

from pathlib import Path

import pytest

from ebpftrace.act.actions.support.evidence_folder import require_trusted
from ebpftrace.errors import UntrustedError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that was looked at already."""
    folder = tmp_path / "evidence"
    require_trusted(folder)
    require_trusted(folder)
    return folder


def test_folder_that_others_may_write_to_since_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    with pytest.raises(UntrustedError, match="the evidence"):
        require_trusted(folder)


def test_other_folder_in_its_place_is_refused(folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    folder.mkdir(mode=0o700)
    folder.chmod(0o770)
    with pytest.raises(UntrustedError, match="the evidence"):
        require_trusted(folder)


def test_folder_that_was_removed_is_made_again(folder: Path) -> None:
    folder.rmdir()
    require_trusted(folder)
    assert folder.is_dir()
