"""The working tree as the machine gets it."""

import tarfile
from pathlib import Path

import pytest

from tests.vm import tree


def test_tree_is_readable_by_every_user_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a clone made under umask 077: gopls.service runs as a user of its own."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name, mode in (("module.py", 0o600), ("script", 0o700)):
        (clone / name).touch(mode)
    monkeypatch.setattr(tree, "ROOT", clone)
    monkeypatch.setattr(tree, "files", lambda: sorted(clone.iterdir()))
    tree.pack(tmp_path / "tree.tar", {})
    with tarfile.open(tmp_path / "tree.tar") as tar:
        assert {each.name: each.mode for each in tar} == {"module.py": 0o644, "script": 0o755}
