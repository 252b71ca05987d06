"""`ebpftrace doctor --module` on real modules with a real gopls."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import ebpftrace
from tests.support.gopls_session import Gopls
from tests.support.patience import patient

pytestmark = pytest.mark.timeout(patient(240))

MIB = 1 << 20


def measured(gopls: Gopls, folder: Path) -> dict[str, Any]:
    path = f"{gopls.binary.parent}:{gopls.environment['PATH']}"
    done = ebpftrace(
        "doctor", "--module", str(folder), "--json",
        environment={**gopls.environment, "PATH": path}, seconds=patient(200.0),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_what_a_module_depends_on_and_what_gopls_takes(gopls: Gopls) -> None:
    folder = gopls.workspace.parent / "small"
    (folder / "inner").mkdir(parents=True)
    (folder / "go.mod").write_text("module example.com/small\n\ngo 1.21\n")
    (folder / "main.go").write_text('package main\n\nimport _ "fmt"\n\nfunc main() {}\n')
    (folder / "inner/inner.go").write_text("package inner\n")
    small, large = measured(gopls, folder), measured(gopls, gopls.workspace)
    text = sum(each.stat().st_size for each in folder.rglob("*.go"))
    assert small["module"] == "example.com/small"
    assert small["levels"] == [{"depth": 0, "modules": 1, "packages": 2, "text_bytes": text}]
    assert small["required_modules"] == 0
    assert len(large["levels"]) > 1
    assert large["gopls"]["version"] == gopls.version
    assert large["gopls"]["empty_cache"]["peak_bytes"] > 200 * MIB
    for one in (small, large):
        assert one["gopls"]["empty_cache"]["charged_bytes"] > 20 * MIB
    peaks = [one["gopls"]["empty_cache"]["peak_bytes"] for one in (small, large)]
    assert peaks[0] < peaks[1]
