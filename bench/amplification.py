"""What gopls takes for modules that depend on more and more: `ebpftrace doctor --module`."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.curve_svg import Curve, picture
from bench.figures import Row, Table
from bench.scale import Scale
from ebpftrace.doctor.module.graph import read_graph
from ebpftrace.doctor.module.owner import ModuleOwner
from ebpftrace.doctor.module.render import record
from ebpftrace.doctor.module.resident import measure_gopls
from ebpftrace.errors import EbpftraceError
from ebpftrace.units import MIB
from tests.support.gopls_install import GoplsMissingError, gopls_binary, gopls_environment

GOPLS = "v0.24.0"
MODULES = (
    "golang.org/x/tools@v0.24.0",
    "k8s.io/apimachinery@v0.36.3",
    "k8s.io/client-go@v0.36.3",
    "k8s.io/apiextensions-apiserver@v0.36.3",
    "helm.sh/helm/v3@v3.22.0",
)
"""Each imports over at least as many steps as the one before it, and has more Go text."""

EMPTY, FILLED = "empty file cache", "filled file cache"
_TEXT = re.compile(r" ([0-9.]+)$")
_MAJOR = re.compile(r"/v[0-9]+$")
_NOTE = (
    "Depth: steps of imports to the farthest package outside the standard library; then the "
    "packages, and the MiB of Go text, of all. Score: resident memory against Go text."
)


class _NotThereError(Exception):
    """A module, or what it needs, is not in this machine's module cache."""


def measure(scale: Scale) -> Iterator[Table]:
    """MiB resident at the peak; once for each module that is in the module cache."""
    rows: dict[str, list[Row]] = {EMPTY: [], FILLED: []}
    modules = MODULES[: scale.amplified_modules]
    for module in modules:
        name = module.partition("@")[0]
        try:
            found = _measured(module)
        except (_NotThereError, GoplsMissingError, EbpftraceError) as error:
            for each in rows.values():
                each.append(Row(name, remark=str(error)))
            continue
        text = found["total"]["text_bytes"]
        depth, packages = len(found["levels"]) - 1, found["total"]["packages"]
        last = _MAJOR.sub("", name).rpartition("/")[2]
        label = f"{last}: {depth}, {packages}, {text / MIB:.1f}"
        for cache, key in ((EMPTY, "empty_cache"), (FILLED, "filled_cache")):
            peak = found["gopls"][key]["peak_bytes"]
            rows[cache].append(Row(label, (peak / MIB,), score=f"{peak / text:.1f}×"))
    for cache, each in rows.items():
        title = f"resident memory of gopls {GOPLS} at its peak, {cache}"
        yield Table(
            "amplification", title, "MiB", tuple(each), score="score", footnotes=(_NOTE,)
        )


def draw(tables: Sequence[Table]) -> str:
    """Both tables as a picture: MiB resident over MiB of Go text."""
    curves = []
    for table, look in zip(tables, ("lost", "won"), strict=True):
        found = ((_TEXT.search(row.label), row) for row in table.rows if row.samples)
        points = sorted((float(text[1]), row.median) for text, row in found if text)
        curves.append(Curve(table.title.rpartition(", ")[2], tuple(points), look))
    title = f"Peak of gopls {GOPLS} by the Go text that a module depends on"
    return picture(title, curves, (), unit=" MiB of Go text")


def _measured(module: str) -> dict[str, Any]:
    environment = {**gopls_environment(GOPLS), "GOPROXY": "off"}
    found = subprocess.run(
        ["go", "mod", "download", "-json", module],
        cwd="/", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode:
        raise _NotThereError("it is not in the module cache")
    with tempfile.TemporaryDirectory(prefix="ebpftrace-bench-") as folder:
        copy = Path(folder) / "module"
        # The module cache is read-only, files and folders alike.
        shutil.copytree(json.loads(found.stdout)["Dir"], copy, copy_function=shutil.copyfile)
        for path, _, _ in os.walk(copy):
            Path(path).chmod(0o755)
        owner = ModuleOwner(copy)
        return record(read_graph(owner), measure_gopls(owner, str(gopls_binary(GOPLS))))
