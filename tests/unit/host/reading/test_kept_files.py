"""Files that are opened before they are needed: read as they are then, or opened anew."""

from pathlib import Path

from ebpftrace.host.proc import comm_file
from ebpftrace.host.reading.kept_files import KeptFiles
from ebpftrace.units import KIB
from tests.support.incidents import sleeping


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_file_is_read_as_it_is_now_each_time(tmp_path: Path) -> None:
    files, path = KeptFiles(), tmp_path / "comm"
    path.write_bytes(b"before")
    files.keep(str(path))
    for content in (b"first", b"the second"):
        path.write_bytes(content)
        assert files.read(str(path), KIB) == content
    assert files.read(str(path), 3) == b"the"
    files.clear()


def test_file_that_is_kept_is_not_opened_again(tmp_path: Path) -> None:
    files, path = KeptFiles(), tmp_path / "comm"
    path.write_bytes(b"kept")
    files.keep(str(path))
    path.unlink()
    assert files.read(str(path), KIB) == b"kept"
    files.clear()


def test_file_of_a_process_that_has_ended_is_looked_for_anew(tmp_path: Path) -> None:
    files = KeptFiles()
    with sleeping(tmp_path) as pid:
        files.keep(comm_file(pid))
        kept = files.read(comm_file(pid), KIB)
        assert kept == Path(comm_file(pid)).read_bytes()
    try:
        later = files.read(comm_file(pid), KIB)
    except FileNotFoundError:
        later = b""
    assert later != kept
    files.clear()


def test_file_that_is_not_kept_is_read_as_usual(tmp_path: Path) -> None:
    files, path = KeptFiles(), tmp_path / "comm"
    files.keep(str(path))  # there is none yet
    path.write_bytes(b"later")
    assert files.read(str(path), KIB) == b"later"


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    files, before, path = KeptFiles(), open_descriptors(), tmp_path / "comm"
    path.touch()
    for _ in range(2):
        files.keep(str(path))
    assert open_descriptors() == before + 1
    files.clear()
    assert open_descriptors() == before
