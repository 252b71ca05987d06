from pathlib import Path

import pytest

from ebpftrace.views.dashboard.save import save
from tests.support.watches import TIME_NS


def test_files_have_the_time_in_their_name_and_replace_none(tmp_path: Path) -> None:
    names = ["ebpftrace-20261123T120007Z.svg", "ebpftrace-20261123T120007Z.txt"]
    (tmp_path / names[1]).symlink_to(tmp_path / "elsewhere")
    first = save(tmp_path, TIME_NS, {"svg": "<svg/>", "txt": "text"})
    assert [path.name for path in first] == [name.replace("Z.", "Z-1.") for name in names]
    assert first[1].read_text() == "text"
    assert not (tmp_path / "elsewhere").exists()
    assert save(tmp_path, TIME_NS, {"svg": ""})[0].name == names[0]


def test_a_file_that_comes_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "ebpftrace-20261123T120007Z.svg"
    other.write_text("another's")
    monkeypatch.setattr("os.path.lexists", lambda _: False)  # it was not there yet
    with pytest.raises(FileExistsError):
        save(tmp_path, TIME_NS, {"svg": "ours"})
    assert other.read_text() == "another's"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        save(tmp_path / "none", TIME_NS, {"svg": ""})
