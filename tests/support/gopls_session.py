"""One working session with gopls, from initialize to shutdown, on a real module."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.cgroups import MemoryCgroup
from tests.support.gomodule import go_files
from tests.support.lsp import LanguageServer

OPENED = 50
EDITS = 100
WORKSPACE_LOADED = "Setting up workspace"
LEAK_POLICY = """
[[policy]]
name = "gopls leaks"
match = {{ comm = "gopls", cgroup = "{cgroup}" }}
grace = "0s"
when = [{{ detector = "growth", bound = "200MiB", window = "120s" }}]
then = [
    {{ action = "capture", folder = "{folder}/evidence" }},
    {{ action = "signal", grace = "2s" }},
]
"""


@dataclass(frozen=True)
class Gopls:
    """A version of gopls with a workspace of its own and an empty file cache."""

    version: str
    binary: Path
    workspace: Path
    environment: Mapping[str, str]

    @property
    def files(self) -> list[Path]:
        """The files a session opens."""
        return go_files(self.workspace)[:OPENED]

    def server(self, cgroup: MemoryCgroup) -> LanguageServer:
        """A fresh server, not started yet."""
        return LanguageServer(
            [self.binary], self.workspace, environment=self.environment, cgroup=cgroup
        )


@dataclass(frozen=True)
class Session:
    """What a session came to."""

    peak_bytes: int  # VmHWM, read when all work was done and before the shutdown
    symbols: int
    hovered: str
    exit_code: int


def drive(
    server: LanguageServer,
    files: Sequence[Path],
    edits: int = EDITS,
    before_shutdown: Callable[[], None] = lambda: None,
) -> Session:
    """Open the files, edit them in turn, ask for symbols and a hover, shut down.

    Every step waits for the server to have done its work, so that the memory it takes
    is the work's and not a matter of when one looks. `before_shutdown` runs with the
    server at rest.
    """
    server.initialize()
    server.wait_for_progress(WORKSPACE_LOADED)
    server.open(files)
    server.wait_for_diagnostics(files)
    for number in range(edits):
        server.edit(files[number % len(files)], f"// edit {number}\n")
    server.wait_for_diagnostics(files)
    symbols = server.symbols("Analyzer")
    hover = server.hover(
        files[0], _first_function(files[0]) + len(range(0, edits, len(files))), 6
    )
    before_shutdown()
    return Session(
        peak_bytes=server.peak_bytes(),
        symbols=len(symbols),
        hovered="" if hover is None else str(hover["contents"]["value"]),
        exit_code=server.shut_down(),
    )


def _first_function(path: Path) -> int:
    """The line, from 0, of the first function of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines) if line.startswith("func "))
