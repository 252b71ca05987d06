"""What a Go module depends on: packages by their distance from it, as `go list` has them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.module.owner import ModuleOwner
from ebpftrace.errors import EbpftraceError
from ebpftrace.text import clean
from ebpftrace.units import MIB

_FIELDS = "ImportPath,Imports,Dir,GoFiles,CgoFiles,Module,Standard,DepOnly"
_LIST_SECONDS, _MOST_LISTED = 120.0, 128 * MIB
_GRAPH_SECONDS, _MOST_GRAPH = 60.0, 32 * MIB


class GoPackage(NamedTuple):
    """A package. `module` is "" in the standard library; `is_root` in the module itself."""

    path: str
    module: str
    imports: tuple[str, ...]
    text_bytes: int
    is_root: bool


class Level(NamedTuple):
    """The packages of one depth, and the modules of which the first package is there."""

    modules: int
    packages: int
    text_bytes: int


class ModuleGraph(NamedTuple):
    """`levels[0]` is the module itself; the standard library is not part of the levels.

    `required` are the modules in the graph of requirements (`go mod graph`), and
    `required_depth` is how far the last of them is; None where go does not say.
    """

    module: str
    levels: tuple[Level, ...]
    standard: Level
    required: int | None = None
    required_depth: int | None = None

    @property
    def total(self) -> Level:
        """All of it, with the standard library."""
        return Level(*(sum(column) for column in zip(*self.levels, self.standard, strict=True)))


def read_graph(owner: ModuleOwner) -> ModuleGraph:
    """The graph of the module in the owner's folder; EbpftraceError if go cannot list it."""
    go = owner.program("go")
    if go is None:
        raise EbpftraceError(
            "cannot list the packages of the module",
            why="the go command is not in PATH",
            fix="install Go, or add the folder of its programs to PATH",
        )
    argv = [go, "list", "-deps", f"-json={_FIELDS}", "./..."]
    listed = owner.run(argv, seconds=_LIST_SECONDS, most_bytes=_MOST_LISTED)
    packages = [] if listed.code else list(parse_packages(listed.output))
    if not any(package.is_root for package in packages):
        raise EbpftraceError(
            "cannot list the packages of the module",
            why=_last(listed.errors) or "it has none",
            fix="nothing is downloaded: run `go mod download` and `go list ./...` there first",
        )
    graph = by_depth(packages)
    required = owner.run([go, "mod", "graph"], seconds=_GRAPH_SECONDS, most_bytes=_MOST_GRAPH)
    if required.code:
        return graph
    count, depth = requirements(required.output.decode("utf-8", "replace").splitlines())
    return graph._replace(required=count, required_depth=depth)


def parse_packages(output: bytes) -> Iterator[GoPackage]:
    """The objects that `go list -json` prints one after the other; EbpftraceError."""
    text, place = output.decode("utf-8", "replace").strip(), 0
    decoder = json.JSONDecoder()
    try:
        while place < len(text):
            one, place = decoder.raw_decode(text, place)
            place += len(text[place : place + 8]) - len(text[place : place + 8].lstrip())
            yield _package(one)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise EbpftraceError("cannot read what go list says", why=str(error)) from error


def by_depth(packages: Sequence[GoPackage]) -> ModuleGraph:
    """Each package at the length of the shortest chain of imports that leads to it."""
    others = {package.path: package for package in packages if package.module}
    roots = [package for package in packages if package.is_root]
    seen = {package.path for package in roots}
    known: set[str] = set()
    levels: list[Level] = []
    now = roots
    while now:
        modules = {package.module for package in now} - known
        known |= modules
        levels.append(Level(len(modules), *_size(now)))
        imported = dict.fromkeys(path for package in now for path in package.imports)
        now = [others[path] for path in imported if path in others and path not in seen]
        seen |= {package.path for package in now}
    standard = [package for package in packages if not package.module]
    name = clean(roots[0].module, 200) if roots else ""
    return ModuleGraph(name, tuple(levels), Level(0, *_size(standard)))


def requirements(lines: Iterable[str]) -> tuple[int, int]:
    """From `go mod graph`: how many modules are required, and how deep the last is."""
    needs: dict[str, list[str]] = {}
    first = ""
    for line in lines:
        above, _, below = line.partition(" ")
        if below.startswith(("go@", "toolchain@")):
            continue
        first = first or above
        needs.setdefault(above, []).append(below)
    seen, now, depth = {first}, [first], 0
    while True:
        now = list(dict.fromkeys(b for a in now for b in needs.get(a, ()) if b not in seen))
        if not now:
            return len({one.partition("@")[0] for one in seen - {first}}), depth
        seen.update(now)
        depth += 1


def _package(one: dict[str, object]) -> GoPackage:
    module = one.get("Module") or {}
    assert isinstance(module, dict)
    folder = Path(str(one.get("Dir", "")))
    names = [*_strings(one, "GoFiles"), *_strings(one, "CgoFiles")]
    return GoPackage(
        path=str(one["ImportPath"]),
        module="" if one.get("Standard") else str(module.get("Path", "?")),
        imports=tuple(_strings(one, "Imports")),
        text_bytes=sum(_file_size(folder / name) for name in names),
        is_root=not one.get("DepOnly"),
    )


def _strings(one: dict[str, object], name: str) -> list[str]:
    values = one.get(name) or []
    return [str(value) for value in values] if isinstance(values, list) else []


def _file_size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0


def _size(packages: Sequence[GoPackage]) -> tuple[int, int]:
    return len(packages), sum(package.text_bytes for package in packages)


def _last(errors: bytes) -> str:
    lines = [line for line in errors.splitlines() if line.strip()]
    return clean(lines[-1], 200) if lines else ""
