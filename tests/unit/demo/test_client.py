import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.demo import client
from ebpftrace.demo.lsp import SessionEnded
from ebpftrace.demo.workspace import GENERATED, write_module

TURNS = 3


class FakeSession:
    """Records what it is sent, and ends after some turns."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.sent: list[str] = []
        self._turns = 0

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.sent.append(method)

    def serve(self, _seconds: float) -> bool:
        if self._turns > TURNS:
            raise SessionEnded(-9)
        self._turns += 1
        return False


@pytest.mark.parametrize("role", ["steady", "leak"])
def test_only_the_leaking_client_generates_code(tmp_path: Path, role: str) -> None:
    write_module(tmp_path)
    session = FakeSession(tmp_path.as_uri())
    with pytest.raises(SessionEnded):
        client.work(role, session, tmp_path)  # type: ignore[arg-type]
    opened, *changed = session.sent
    assert opened == "textDocument/didOpen"
    leaks = role == "leak"
    assert changed == ["workspace/didChangeWatchedFiles"] * (TURNS + 1 if leaks else 0)
    assert ("revision 000000" in (tmp_path / GENERATED).read_text()) is not leaks


def test_gopls_that_ends_ends_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gopls = tmp_path / "bin/gopls"
    gopls.parent.mkdir()
    gopls.write_text("#!/bin/sh\nexit 3\n")
    gopls.chmod(0o755)
    (tmp_path / "module").mkdir()
    monkeypatch.setenv("PATH", f"{gopls.parent}:{os.environ['PATH']}")
    arguments = ["client", "steady", str(tmp_path / "module"), "unix;/nowhere"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert client.main() == 1
    assert "gopls at unix;/nowhere has ended" in capsys.readouterr().err
