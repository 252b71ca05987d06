"""The archive: as tar reads it, as long as it says, and no longer than its files were."""

import io
import tarfile
from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.incidents.archive import Archive
from ebpftrace.incidents.evidence import open_evidence
from tests.support.saved import ID, lines, save


def made(folder: Path, *, logged: bool = True) -> bytes:
    with open_evidence(ID, [folder]) or pytest.fail("no evidence") as evidence:
        archive = Archive(ID, lines() if logged else [], evidence)
        chunks = list(archive.chunks())
    assert all(0 < len(chunk) <= 1 << 16 for chunk in chunks)
    raw = b"".join(chunks)
    assert len(raw) == archive.size_bytes
    return raw


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 200_000])
def test_tar_reads_what_was_saved(size: int, tmp_path: Path) -> None:
    save(tmp_path, ID, **{"process-smaps": b"s" * size})
    with tarfile.open(fileobj=io.BytesIO(made(tmp_path))) as tar:
        members = tar.getmembers()
        names = [f"{ID}/{name}" for name in ("audit.jsonl", "manifest.json", "process-smaps")]
        assert [one.name for one in members] == names
        assert {(one.mode, one.uid, one.gid, one.type) for one in members} == {
            (0o600, 0, 0, tarfile.REGTYPE)
        }
        content = tar.extractfile(names[2])
        assert content is not None
        assert content.read() == b"s" * size
        log = tar.extractfile(names[0])
        assert log is not None
        assert log.read().count(b"\n") == len(lines())


def test_without_lines_of_the_log_there_is_the_evidence_alone(tmp_path: Path) -> None:
    save(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(made(tmp_path, logged=False))) as tar:
        assert f"{ID}/audit.jsonl" not in tar.getnames()


def test_a_file_that_grows_meanwhile_is_cut_and_one_that_shrinks_is_an_error(
    tmp_path: Path,
) -> None:
    folder = save(tmp_path, ID, smaps=b"s" * 1000)
    with open_evidence(ID, [tmp_path]) or pytest.fail("no evidence") as evidence:
        archive = Archive(ID, [], evidence)
        with (folder / "smaps").open("ab") as file:
            file.write(b"t" * 5000)
        assert len(b"".join(archive.chunks())) == archive.size_bytes
        (folder / "smaps").write_bytes(b"s")
        with pytest.raises(EbpftraceError, match="changed while it was read"):
            list(archive.chunks())
        (folder / "smaps").unlink()
        with pytest.raises(EbpftraceError, match="changed while it was read"):
            list(archive.chunks())
