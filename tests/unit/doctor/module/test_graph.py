"""Packages by their distance from a module, and the graph of requirements."""

import json
from pathlib import Path

import pytest

from ebpftrace.doctor.module.graph import (
    GoPackage,
    Level,
    by_depth,
    parse_packages,
    requirements,
)
from ebpftrace.errors import EbpftraceError


def package(path: str, module: str, *imports: str, is_root: bool = False) -> GoPackage:
    return GoPackage(path, module, imports, 10, is_root)


def test_packages_are_at_the_end_of_their_shortest_chain() -> None:
    graph = by_depth([
        package("fmt", ""),
        package("b/far", "deep"),
        package("b", "deep", "b/far", "fmt"),
        package("a", "near", "b", "fmt", "missing"),
        package("a/other", "near", "b/far"),
        package("m", "m", "a", "m/sub", is_root=True),
        package("m/sub", "m", "a/other", is_root=True),
    ])  # fmt: skip
    assert graph.module == "m"
    assert graph.levels == (Level(1, 2, 20), Level(1, 2, 20), Level(1, 2, 20))
    assert graph.standard == Level(0, 1, 10)
    assert graph.total == Level(3, 7, 70)


def test_the_objects_of_go_list(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_bytes(b"x" * 7)
    (tmp_path / "c.go").write_bytes(b"x" * 5)
    objects = (
        {"ImportPath": "unsafe", "Standard": True, "DepOnly": True},
        {
            "ImportPath": "m/a", "Dir": str(tmp_path), "Module": {"Path": "m"},
            "Imports": ["unsafe"], "GoFiles": ["a.go", "gone.go"], "CgoFiles": ["c.go"],
        },
    )  # fmt: skip
    text = "\n".join(json.dumps(one, indent="\t") for one in objects)
    assert list(parse_packages(text.encode() + b"\n")) == [
        GoPackage("unsafe", "", (), 0, False),
        GoPackage("m/a", "m", ("unsafe",), 12, True),
    ]


@pytest.mark.parametrize("output", [b"{", b"[]", b"{}", b"go: warning\n{}"])
def test_other_output_is_an_error(output: bytes) -> None:
    with pytest.raises(EbpftraceError, match="what go list says"):
        list(parse_packages(output))


def test_requirements_are_counted_once_and_by_their_nearest() -> None:
    lines = ["m go@1.24", "m a@v1", "a@v1 b@v1", "a@v1 b@v2", "b@v2 c@v1", "m b@v1", "x y@v1"]
    assert requirements(lines) == (3, 3)
    assert requirements([]) == (0, 0)
