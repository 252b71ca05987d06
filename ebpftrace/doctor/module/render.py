"""A module's graph and what gopls took for it, for people in 80 columns, and for programs."""

from collections.abc import Iterator
from typing import Any

from ebpftrace.doctor.module.graph import Level, ModuleGraph
from ebpftrace.doctor.module.resident import GoplsTook, Taken
from ebpftrace.text import wrap
from ebpftrace.units import format_bytes

_NO_GOPLS = "gopls is not installed: go install golang.org/x/tools/gopls@latest"


def lines(graph: ModuleGraph, took: GoplsTook | None) -> Iterator[str]:
    """Two tables. Depth is the length of the shortest chain of imports."""
    yield from wrap(graph.module)
    yield f"  {'depth':<16} {'modules':>9} {'packages':>9} {'Go text':>12}"
    for depth, level in enumerate(graph.levels):
        yield _row(str(depth), level)
    yield _row("standard library", graph.standard)
    yield _row("all", graph.total)
    if graph.required is not None:
        text = (
            f"go.mod requires {graph.required:,} modules, the last at depth "
            f"{graph.required_depth}; packages of {graph.total.modules - 1:,} are used"
        )
        yield from wrap(text, first="  ", following="  ")
    if took is None:
        yield from wrap(_NO_GOPLS, first="  ", following="  ")
        return
    yield f"gopls {took.version}"
    heads = ("resident", "/ Go text", "cgroup", "time")
    yield "  {:<16} {:>9} {:>9} {:>12} {:>8}".format("peak with cache", *heads)
    for label, taken in (("empty", took.cold), ("filled", took.warm)):
        charged = "?" if taken.charged_bytes is None else format_bytes(taken.charged_bytes)
        times = f"× {taken.peak_bytes / max(1, graph.total.text_bytes):.1f}"
        yield (
            f"  {label:<16} {format_bytes(taken.peak_bytes):>9} {times:>9} {charged:>12} "
            f"{taken.seconds:>6.1f} s"
        )


def record(graph: ModuleGraph, took: GoplsTook | None) -> dict[str, Any]:
    """The same for JSON; sizes in bytes, times in seconds."""
    levels = [{"depth": depth, **each._asdict()} for depth, each in enumerate(graph.levels)]
    return {
        "schema": 1,
        "module": graph.module,
        "levels": levels,
        "standard": graph.standard._asdict(),
        "total": graph.total._asdict(),
        "required_modules": graph.required,
        "required_depth": graph.required_depth,
        "gopls": None if took is None else _took(took),
    }


def _took(took: GoplsTook) -> dict[str, Any]:
    def one(taken: Taken) -> dict[str, Any]:
        return {**taken._asdict(), "seconds": round(taken.seconds, 3)}

    return {
        "version": took.version,
        "empty_cache": one(took.cold),
        "filled_cache": one(took.warm),
    }


def _row(label: str, level: Level) -> str:
    modules = f"{level.modules:,}" if level.modules else "-"
    return (
        f"  {label:<16} {modules:>9} {level.packages:>9,} {format_bytes(level.text_bytes):>12}"
    )
