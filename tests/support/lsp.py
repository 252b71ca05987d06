"""A language server driven as an editor drives it, over its standard input and output."""

import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.cgroups import MemoryCgroup
from tests.support.jsonrpc import Connection
from tests.support.patience import patient
from tests.support.sessions import end_session, session_mark, text_of
from tests.support.workload import status

REQUEST_SECONDS = patient(60.0)
LOAD_SECONDS = patient(300.0)
END_SECONDS = patient(20.0)

CREATED, CHANGED, DELETED = 1, 2, 3  # FileChangeType of the protocol

CAPABILITIES = {
    "window": {"workDoneProgress": True},
    "workspace": {
        "configuration": True,
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "symbol": {},
    },
    "textDocument": {"synchronization": {}, "hover": {}, "publishDiagnostics": {}},
}


class LanguageServer:
    """A server started in `root`, ended with all its children when the context ends."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        root: Path,
        *,
        environment: Mapping[str, str],
        cgroup: MemoryCgroup | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._argv = argv
        self._root = root
        self._mark = session_mark()
        self._environment = {**environment, **self._mark}
        self._cgroup = cgroup
        self._settings = dict(settings or {})
        self._versions: dict[Path, int] = {}
        self._progress: dict[str | int, str] = {}  # token: title, while it runs
        self.finished: list[str] = []  # titles of progress that ended
        self.diagnosed: dict[str, int] = {}  # document address: the version last diagnosed

    def __enter__(self) -> Self:
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self._cgroup.inside(self._argv) if self._cgroup else list(self._argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=self._root,
            env=self._environment,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.pid = self.process.pid
        self.connection = Connection(
            self.process.stdin, self.process.stdout, self._answer, self._hear
        )
        return self

    def __exit__(self, *_: object) -> None:
        end_session(self.process, self._mark)
        self.connection.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        # Closing flushes what a dead server did not take, so the raw file is closed first.
        self.process.stdin.raw.close()  # type: ignore[attr-defined]
        self.process.stdout.close()
        self._stderr.close()

    def initialize(self, timeout: float = LOAD_SECONDS) -> dict[str, Any]:
        """Open the workspace; returns what the server says of itself."""
        result: dict[str, Any] = self.connection.request(
            "initialize",
            {
                "processId": None,
                "rootUri": self._root.as_uri(),
                "workspaceFolders": [{"uri": self._root.as_uri(), "name": "workspace"}],
                "capabilities": CAPABILITIES,
                "initializationOptions": self._settings,
            },
            timeout=timeout,
        )
        self.connection.notify("initialized", {})
        return result

    def wait_for_progress(self, title: str, timeout: float = LOAD_SECONDS) -> None:
        """Wait until a piece of work with this title has ended."""
        self.connection.wait(lambda: title in self.finished, title, timeout)

    def open(self, paths: Iterable[Path]) -> None:
        """didOpen of each file, with its text."""
        for path in paths:
            self._versions[path] = 1
            document = {"uri": path.as_uri(), "languageId": "go", "version": 1}
            self.connection.notify(
                "textDocument/didOpen", {"textDocument": {**document, "text": path.read_text()}}
            )

    def edit(self, path: Path, text: str, line: int = 0) -> None:
        """didChange of an open file: insert `text` at the beginning of a line."""
        self._versions[path] += 1
        at = {"line": line, "character": 0}
        self.connection.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": path.as_uri(), "version": self._versions[path]},
                "contentChanges": [{"range": {"start": at, "end": at}, "text": text}],
            },
        )

    def files_changed(self, paths: Iterable[Path], change: int = CHANGED) -> None:
        """didChangeWatchedFiles: files were written behind the editor's back."""
        changes = [{"uri": path.as_uri(), "type": change} for path in paths]
        self.connection.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def wait_for_diagnostics(
        self, paths: Iterable[Path], timeout: float = LOAD_SECONDS
    ) -> None:
        """Wait until each of these open files was diagnosed as it is after its last edit."""
        versions = {path.as_uri(): self._versions[path] for path in paths}
        self.connection.wait(
            lambda: all(
                self.diagnosed.get(address, 0) >= version
                for address, version in versions.items()
            ),
            "textDocument/publishDiagnostics",
            timeout,
        )

    def symbols(self, query: str, timeout: float = REQUEST_SECONDS) -> list[dict[str, Any]]:
        """workspace/symbol: it needs every package's names."""
        result = self.connection.request("workspace/symbol", {"query": query}, timeout=timeout)
        return list(result or [])

    def hover(self, path: Path, line: int, character: int) -> dict[str, Any] | None:
        """textDocument/hover: it needs the package type-checked."""
        position = {"line": line, "character": character}
        result: dict[str, Any] | None = self.connection.request(
            "textDocument/hover",
            {"textDocument": {"uri": path.as_uri()}, "position": position},
            timeout=REQUEST_SECONDS,
        )
        return result

    def peak_bytes(self) -> int:
        """VmHWM so far; the process must still run."""
        return status(self.pid)["VmHWM"]

    def shut_down(self, timeout: float = END_SECONDS) -> int:
        """shutdown and exit, as an editor that is closed; returns the exit code."""
        self.connection.request("shutdown", timeout=timeout)
        self.connection.notify("exit")
        return self.process.wait(timeout)

    def stderr(self) -> str:
        """What the server wrote to its standard error so far."""
        return text_of(self._stderr)

    def _answer(self, method: str, params: Any) -> Any:
        if method == "workspace/configuration":
            return [self._settings for _ in params["items"]]
        if method == "workspace/applyEdit":
            return {"applied": False}
        return None  # registrations, progress tokens and questions to the user

    def _hear(self, method: str, params: Any) -> None:
        if method == "textDocument/publishDiagnostics":
            self.diagnosed[params["uri"]] = params.get("version", 0)
        elif method == "$/progress":
            value = params["value"]
            if value["kind"] == "begin":
                self._progress[params["token"]] = value["title"]
            elif value["kind"] == "end":
                self.finished.append(self._progress.pop(params["token"], ""))
