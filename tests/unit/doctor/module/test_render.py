"""A module's tables."""

import pytest

from ebpftrace.doctor.module.graph import Level, ModuleGraph
from ebpftrace.doctor.module.render import lines, record
from ebpftrace.doctor.module.resident import GoplsTook, Taken
from ebpftrace.units import MIB

GRAPH = ModuleGraph(
    "example.com/m", (Level(1, 20, 4 * MIB), Level(3, 30, 6 * MIB)), Level(0, 200, 10 * MIB)
)
TOOK = GoplsTook("v0.24.0", Taken(400 * MIB, None, 4.2), Taken(100 * MIB, 90 * MIB, 1.26))


def test_tables_of_80_columns() -> None:
    wide = GRAPH._replace(module="m" * 200, required=12_345, required_depth=99)
    text = list(lines(wide, TOOK))
    assert max(map(len, text)) <= 80
    assert "".join(text[:3]).count("m") >= 200


def test_both_runs_of_gopls_against_the_go_text() -> None:
    text = [" ".join(line.split()) for line in lines(GRAPH, TOOK)]
    assert "all 4 250 20 MiB" in text
    assert "empty 400 MiB × 20.0 ? 4.2 s" in text
    assert "filled 100 MiB × 5.0 90 MiB 1.3 s" in text


@pytest.mark.parametrize("took", [TOOK, None])
def test_the_same_for_programs(took: GoplsTook | None) -> None:
    found = record(GRAPH, took)
    second = {"depth": 1, "modules": 3, "packages": 30, "text_bytes": 6 * MIB}
    assert found["levels"][1] == second
    assert found["total"]["packages"] == 250
    assert (found["gopls"] is None) == (took is None)


def test_without_gopls_there_is_the_graph() -> None:
    assert "go install golang.org/x/tools/gopls" in list(lines(GRAPH, None))[-1]
