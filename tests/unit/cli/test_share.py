"""The files of share/, which the wheel installs."""

from pathlib import Path

from ebpftrace.cli.share import shared_files, write_shared_files

SHARE = Path(__file__).parents[3] / "share"


def read_all(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_the_files_in_the_repository_are_current() -> None:
    assert read_all(SHARE) == shared_files(), "run: make share"


def test_all_files_are_written_to_a_new_folder(tmp_path: Path) -> None:
    write_shared_files(tmp_path / "share")
    assert read_all(tmp_path / "share") == shared_files()
    assert "man/man1/ebpftrace.1" in shared_files()
