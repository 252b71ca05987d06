"""Modules of a folder are found by what they define."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ebpftrace.discovery import discover


@dataclass(frozen=True)
class Tool:
    name: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `discovered` that is still empty."""
    made = tmp_path / "discovered"
    made.mkdir()
    (made / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    for name in [name for name in sys.modules if name.split(".")[0] == "discovered"]:
        del sys.modules[name]


def write(folder: Path, module: str, value: str) -> None:
    line = f"from {__name__} import Tool\nTOOL = {value}\n"
    (folder / f"{module}.py").write_text(line)


def found(folder: Path, *, optional: bool = False) -> dict[str, Tool]:
    return discover("discovered", [str(folder)], "TOOL", Tool, optional=optional)


def test_each_module_is_found_and_folders_are_left_out(folder: Path) -> None:
    write(folder, "saw", "Tool('saw')")
    write(folder, "axe", "Tool('axe')")
    (folder / "support").mkdir()
    (folder / "support/__init__.py").touch()
    assert found(folder) == {"axe": Tool("axe"), "saw": Tool("saw")}


def test_module_without_the_constant_is_an_error(folder: Path) -> None:
    (folder / "saw.py").touch()
    with pytest.raises(TypeError, match=r"discovered\.saw defines no TOOL"):
        found(folder, optional=True)


def test_none_is_left_out_only_where_it_is_optional(folder: Path) -> None:
    write(folder, "saw", "None")
    assert found(folder, optional=True) == {}
    with pytest.raises(TypeError, match="defines no TOOL"):
        found(folder)


def test_name_must_be_the_module_s(folder: Path) -> None:
    write(folder, "saw", "Tool('axe')")
    with pytest.raises(ValueError, match=r"the TOOL of discovered\.saw is named 'axe'"):
        found(folder)
