"""Folders that an unprivileged user prepares, and a file that has to stay as it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.delegation import UNPRIVILEGED

SECRET = "root:x:0:0\n"


@pytest.fixture
def reachable(tmp_path: Path) -> Path:
    """A folder of root's that other users may enter."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    return tmp_path


@pytest.fixture
def home(reachable: Path) -> Path:
    """A folder that the unprivileged user owns."""
    made = reachable / "home"
    made.mkdir()
    os.chown(made, UNPRIVILEGED, UNPRIVILEGED)
    return made


@pytest.fixture
def shared(reachable: Path) -> Path:
    """A folder as /tmp is."""
    made = reachable / "shared"
    made.mkdir()
    made.chmod(0o1777)
    return made


@pytest.fixture
def victim(reachable: Path) -> Iterator[Path]:
    """A file of root's, which has to stay as it is."""
    file = reachable / "passwd"
    file.write_text(SECRET, "utf-8")
    file.chmod(0o600)
    yield file
    assert file.read_text("utf-8") == SECRET


@pytest.fixture
def elsewhere(reachable: Path) -> Iterator[Path]:
    """A folder of root's, which has to stay empty."""
    made = reachable / "elsewhere"
    made.mkdir(mode=0o755)
    yield made
    assert list(made.iterdir()) == []
