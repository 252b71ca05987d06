"""A file in the package of the detectors is a detector, and nothing else has to know it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.discovery import discover
from ebpftrace.judge import detectors
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detectors import CONDITION_KINDS

SWAP = """
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detectors.oom import OomDetector

CONDITION = ConditionKind(
    name="swap",
    doc="a job swaps",
    settings=(),
    per_process=False,
    build=OomDetector,
    describe=lambda _detector, subject: f"{subject} swaps",
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(detectors.__name__):
            del sys.modules[name]


def load() -> dict[str, ConditionKind[Any]]:
    return discover(
        detectors.__name__, detectors.__path__, "CONDITION", ConditionKind, optional=True
    )


@pytest.mark.parametrize("name", CONDITION_KINDS)
def test_every_condition_is_tested_beside_its_detector(name: str) -> None:
    tests = Path(__file__).with_name(f"test_{name}.py").read_text()
    assert "CONDITION.build(" in tests
    assert "CONDITION.describe(" in tests


def test_a_detector_without_a_condition_is_left_out(folder: Path) -> None:
    (folder / "swap.py").write_text("CONDITION = None\n")
    assert load() == CONDITION_KINDS


def test_a_detector_is_added_by_one_file(folder: Path) -> None:
    (folder / "swap.py").write_text(SWAP)
    kinds = load()
    assert set(kinds) == set(CONDITION_KINDS) | {"swap"}
    assert kinds["swap"].describe(kinds["swap"].build(), "a job") == "a job swaps"


def test_a_module_that_forgets_its_condition_is_refused(folder: Path) -> None:
    (folder / "swap.py").write_text("NAME = 'swap'\n")
    with pytest.raises(TypeError, match=r"swap defines no CONDITION"):
        load()


@pytest.mark.parametrize("line", [*(line for line in SWAP.splitlines() if "=" in line)][1:])
def test_a_condition_that_forgets_a_property_is_refused(folder: Path, line: str) -> None:
    (folder / "swap.py").write_text(SWAP.replace(line + "\n", ""))
    with pytest.raises(TypeError, match="missing"):
        load()


def test_a_condition_is_named_after_its_file(folder: Path) -> None:
    (folder / "swaps.py").write_text(SWAP)
    with pytest.raises(ValueError, match="'swap'"):
        load()
