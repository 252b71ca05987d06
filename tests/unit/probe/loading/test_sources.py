from pathlib import Path

import pytest

from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading import sources
from ebpftrace.probe.loading.sources import SOURCES, read_source, source_folder


def test_source_contains_every_file_of_the_folder_once() -> None:
    folder = source_folder()
    files = {path.name for pattern in ("*.h", "*.c") for path in folder.glob(pattern)}
    assert set(SOURCES) == files
    lines = [line for line in read_source().splitlines() if line.startswith("#line")]
    assert lines == [f'#line 1 "bpf/{name}"' for name in SOURCES]


def test_missing_folder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "a/b/c/sources.py"))
    with pytest.raises(ProbeError, match="missing"):
        source_folder()
