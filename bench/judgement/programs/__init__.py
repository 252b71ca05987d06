"""Programs that keep, drop and leak memory on request, one for each runtime."""

import hashlib
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.support.build import CACHE

PROGRAMS = Path(__file__).parent


@cache
def load_go() -> Path:
    """The Go program, built once a version of its source."""
    return _built("load.go", "load", lambda out: ["go", "build", "-o", out, "load.go"])


@cache
def java_class() -> Path:
    """The class file of the JVM program; its folder is the class path."""
    return _built(
        "Load.java", "Load.class", lambda out: ["javac", "-d", out.parent, "Load.java"]
    )


def _built(source: str, name: str, argv: Callable[[Path], list[str | Path]]) -> Path:
    digest = hashlib.sha256((PROGRAMS / source).read_bytes()).hexdigest()[:16]
    out = CACHE / "judgement" / digest / name
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(list(map(str, argv(out))), cwd=PROGRAMS, check=True)
    return out
