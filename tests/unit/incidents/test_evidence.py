"""Attacks on folders of evidence: what is read is what root saved, or nothing."""

import os
from pathlib import Path

import pytest

from ebpftrace.errors import UntrustedError
from ebpftrace.incidents.evidence import logged_folder, open_evidence, saved_ids
from ebpftrace.incidents.ids import is_id
from tests.support.saved import ID, save

OTHER = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../20261123T120007Z-4711-abcdef", f"{ID}/", f"{ID}/..", f"/{ID}",
        f"{ID}\n", f".{ID}.partial", ID.upper(), "20261123T120007Z-4711-abcdef0",
        "٢0261123T120007Z-4711-abcdef",
    ],
)  # fmt: skip
def test_what_is_no_id_opens_nothing(name: str, tmp_path: Path) -> None:
    save(tmp_path)
    assert not is_id(name)
    assert open_evidence(name, [tmp_path]) is None


def test_evidence_has_its_files_and_what_capture_said(tmp_path: Path) -> None:
    save(tmp_path)
    opened = open_evidence(ID, [tmp_path / "none", tmp_path])
    assert opened is not None
    with opened:
        names = [file.name for file in opened.files()]
        assert names == ["finding.txt", "manifest.json", "process-smaps"]
        assert opened.manifest()["complete"] is True


@pytest.mark.parametrize("raw", [b"", b"[1]", b"\xff", b"[" * 100_000, b'{"facts": NaN'])
def test_a_damaged_manifest_is_an_empty_one(raw: bytes, tmp_path: Path) -> None:
    (save(tmp_path) / "manifest.json").write_bytes(raw)
    opened = open_evidence(ID, [tmp_path])
    assert opened is not None
    with opened:
        assert opened.manifest() == {}


def test_links_pipes_folders_and_odd_names_are_no_files_of_it(tmp_path: Path) -> None:
    folder = save(tmp_path)
    (folder / "passwords").symlink_to("/etc/shadow")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    for name in ("a b", "a\nb", "-rf", ".hidden", "x" * 101, "é"):
        (folder / name).write_text("x", encoding="utf-8")
    opened = open_evidence(ID, [tmp_path])
    assert opened is not None
    with opened:
        names = [file.name for file in opened.files()]
        assert names == ["finding.txt", "manifest.json", "process-smaps"]
        with pytest.raises(UntrustedError):
            opened.open("passwords")


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere")
    (tmp_path / ID).symlink_to(tmp_path / "elsewhere" / ID)
    with pytest.raises(UntrustedError, match="the evidence in"):
        open_evidence(ID, [tmp_path])


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    save(tmp_path).chmod(0o777)
    with pytest.raises(UntrustedError):
        open_evidence(ID, [tmp_path])


@AS_ROOT
def test_what_another_user_made_in_a_shared_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    folder = save(tmp_path)
    os.chown(folder / "process-smaps", OTHER, OTHER)
    opened = open_evidence(ID, [tmp_path])
    assert opened is not None
    with opened, pytest.raises(UntrustedError):
        opened.open("process-smaps")
    os.chown(folder, OTHER, OTHER)
    with pytest.raises(UntrustedError):
        open_evidence(ID, [tmp_path])


def test_the_folder_stays_the_one_that_was_opened(tmp_path: Path) -> None:
    folder = save(tmp_path)
    opened = open_evidence(ID, [tmp_path])
    assert opened is not None
    with opened:
        folder.rename(tmp_path / "aside")
        save(tmp_path, ID, other_txt=b"x")
        assert "other.txt" not in [file.name for file in opened.files()]


def test_only_folders_of_incidents_are_listed(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / f".{ID}.partial").mkdir()
    (tmp_path / "notes").mkdir()
    assert saved_ids([tmp_path, tmp_path / "none"]) == {ID: tmp_path}


@pytest.mark.parametrize("value", [None, 7, "relative/" + ID, "/x/other", f"/x\0/{ID}", "/"])
def test_a_place_that_the_log_cannot_mean_is_none(value: object) -> None:
    assert logged_folder([{"evidence": value}], ID) is None


def test_the_log_says_where_it_is() -> None:
    assert logged_folder([{}, {"evidence": f"/srv/{ID}"}], ID) == Path("/srv")
