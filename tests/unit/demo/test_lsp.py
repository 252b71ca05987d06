"""An LSP session with a server of a few lines, in a process of its own."""

import os
import sys
from pathlib import Path

import pytest

from ebpftrace.demo.lsp import LspSession, SessionEnded

# Answers `initialize` only after its own request for settings was answered, as gopls
# does; ends with code 7 at `workspace/didChangeWatchedFiles`.
SERVER = """
import json, sys

def read():
    length = int(sys.stdin.buffer.readline().split(b":")[1])
    sys.stdin.buffer.readline()
    return json.loads(sys.stdin.buffer.read(length))

def write(message):
    body = json.dumps(message).encode()
    header = b"Content-Type: x\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
    sys.stdout.buffer.write(header + body)
    sys.stdout.buffer.flush()

first = read()
assert first["method"] == "initialize", first
items = [{}, {}]
write({"id": 9, "method": "workspace/configuration", "params": {"items": items}})
settings = read()
assert settings == {"jsonrpc": "2.0", "id": 9, "result": items}, settings
write({"method": "window/logMessage", "params": {}})
write({"id": first["id"], "result": {}})
assert read()["method"] == "initialized"
assert read()["method"] == "workspace/didChangeWatchedFiles"
sys.exit(7)
"""


def open_session(tmp_path: Path, script: str) -> LspSession:
    return LspSession([sys.executable, "-c", script], dict(os.environ), tmp_path)


def test_session_from_initialize_to_its_end(tmp_path: Path) -> None:
    session = open_session(tmp_path, SERVER)
    try:
        assert session.initialize(60)
        session.notify("workspace/didChangeWatchedFiles", {"changes": []})
        with pytest.raises(SessionEnded) as caught:
            session.serve(60)
        assert caught.value.returncode == 7
    finally:
        session.close()


def test_killed_server_ends_the_session(tmp_path: Path) -> None:
    session = open_session(tmp_path, "import os; os.kill(os.getpid(), 9)")
    try:
        with pytest.raises(SessionEnded) as caught:
            session.initialize(60)
        assert caught.value.returncode == -9
    finally:
        session.close()


def test_silent_server_times_out(tmp_path: Path) -> None:
    session = open_session(tmp_path, "import sys; sys.stdin.buffer.read()")
    try:
        assert not session.initialize(0.2)
    finally:
        session.close()
