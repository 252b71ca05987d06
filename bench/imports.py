"""What a start imports until the first figures, and how long that takes.

This is Python's own account, `-X importtime`.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Row, Table
from bench.observers import BEFORE, with_bytecode
from bench.scale import Scale
from tests.support.build import ROOT

WATCH = ("watch", "--once", "--no-config", "--output", "jsonl", "--comm", "ebpftrace-bench")
FIGURES = '"type":"snapshot"'
ALL = "all"
_LINE = re.compile(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)


def by_package(text: str) -> tuple[dict[str, float], Counter[str]]:
    """Milliseconds and modules of each package, from what `-X importtime` wrote.

    The packages are ebpftrace, click, and all others together, which are Python's own.
    """
    took: dict[str, float] = {}
    modules: Counter[str] = Counter()
    for microseconds, module in _LINE.findall(text):
        top = module.partition(".")[0]
        name = top if top in ("ebpftrace", "click") else "the standard library"
        for each in (name, ALL):
            took[each] = took.get(each, 0.0) + int(microseconds) / 1000
            modules[each] += 1
    return took, modules


def measure(scale: Scale) -> Iterator[Table]:
    """Milliseconds of a watch that ends after one snapshot, the checkouts in turn."""
    checkouts = {"": ROOT} | ({BEFORE: scale.beside} if scale.beside else {})
    samples: dict[str, list[float]] = {}
    modules: dict[str, int] = {}
    for number in range(scale.start_rounds + 1):
        for label, checkout in checkouts.items():
            took, counted = by_package(_importing(checkout))
            if number == 0:
                continue  # it may have written the compiled modules
            for name, ms in took.items():
                samples.setdefault(f"{name}{label}", []).append(ms)
                modules[f"{name}{label}"] = counted[name]
    yield Table(
        "start",
        f"what is imported until the first figures, {scale.start_rounds} times each",
        "ms",
        tuple(Row(label, tuple(taken)) for label, taken in samples.items()),
        footnotes=(
            "modules: " + ", ".join(f"{label} {count}" for label, count in modules.items()),
            "Python's own account makes each import slower.",
        ),
    )


def _importing(checkout: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ebpftrace", *WATCH],
        cwd=checkout, env=with_bytecode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.partition(FIGURES)[0]
