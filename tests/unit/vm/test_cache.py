"""tests/vm/cache.py: whole or not at all, by one at a time, and not for ever."""

import os
import threading
from pathlib import Path

import pytest

from tests.vm import cache


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, which does not exist yet."""
    own = tmp_path / "cache"
    monkeypatch.setattr(cache, "CACHE", own)
    return own


def write(path: Path) -> None:
    (path.parent / "beside").write_text("of no use later")
    path.write_text("whole", encoding="utf-8")


def refuse(path: Path) -> None:
    raise AssertionError(f"{path} is there already")


def test_cached_file_is_not_made_again(folder: Path) -> None:
    made = cache.kept("images", "a", write)
    assert made == folder / "images" / "a"
    assert made.read_text() == "whole"
    assert cache.kept("images", "a", refuse) == made
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"images.lock", "a"}


def test_interrupted_file_is_made_again(folder: Path) -> None:
    def interrupted(path: Path) -> None:
        write(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.kept("images", "a", interrupted)
    assert not (folder / "images" / "a").exists()
    assert cache.kept("images", "a", write).read_text() == "whole"


def test_concurrent_runs_make_a_file_once(capsys: pytest.CaptureFixture[str]) -> None:
    begun, proceed = threading.Event(), threading.Event()

    def slowly(path: Path) -> None:
        begun.set()
        assert proceed.wait(60)
        write(path)

    first = threading.Thread(target=cache.kept, args=("images", "a", slowly))
    second = threading.Thread(target=cache.kept, args=("images", "a", refuse))
    first.start()
    assert begun.wait(60)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    proceed.set()
    first.join()
    second.join()
    assert "waiting for another run's images" in capsys.readouterr().err
    cache.kept("images", "a", refuse)


def test_most_recently_used_files_are_kept(folder: Path) -> None:
    for age, key in enumerate("dcba"):
        path = cache.kept("images", key, Path.mkdir)
        os.utime(path, (1_000_000 - age,) * 2)
    cache.kept("images", "a", refuse)
    assert {path.name for path in (folder / "images").iterdir()} == {"a", "c", "d"}
