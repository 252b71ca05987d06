"""The part of the Language Server Protocol that a gopls session needs."""

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Message = dict[str, Any]


class SessionEnded(Exception):  # noqa: N818 - an end, not an error: OOM kills are expected
    """The server has ended; `returncode` as in subprocess (-9: killed)."""

    def __init__(self, returncode: int) -> None:
        super().__init__(f"the server ended with {returncode}")
        self.returncode = returncode


class LspSession:
    """A session with a language server over two pipes, for one thread."""

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str], workspace: Path
    ) -> None:
        self._server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=workspace,
        )
        assert self._server.stdin is not None and self._server.stdout is not None
        self._to_server = self._server.stdin
        self._from_server = self._server.stdout
        self._received = b""
        self._last_id = 0
        self.uri = workspace.as_uri()

    def initialize(self, seconds: float) -> bool:
        """Open the workspace; False if the server did not answer in time."""
        self._last_id += 1
        self._send(
            {
                "id": self._last_id,
                "method": "initialize",
                "params": {
                    "processId": os.getpid(),
                    "rootUri": self.uri,
                    "capabilities": {},
                    "workspaceFolders": [{"uri": self.uri, "name": "demo"}],
                },
            }
        )
        if not self.serve(seconds, until_answered=self._last_id):
            return False
        self.notify("initialized", {})
        return True

    def notify(self, method: str, params: Message) -> None:
        """Send a notification. SessionEnded if the server has ended."""
        self._send({"method": method, "params": params})

    def serve(self, seconds: float, until_answered: int | None = None) -> bool:
        """Answer the server's own requests for a while, or until it answers ours.

        True if the answer to `until_answered` came. SessionEnded if the server ended.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._from_server], [], [], left)[0]:
                break
            chunk = os.read(self._from_server.fileno(), 1 << 16)
            if not chunk:
                raise SessionEnded(self._server.wait())
            self._received += chunk
            while (message := self._take()) is not None:
                if "method" in message and "id" in message:
                    self._answer(message)
                elif until_answered is not None and message.get("id") == until_answered:
                    return True
        return False

    def _take(self) -> Message | None:
        header, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        fields = dict(line.split(b": ", 1) for line in header.split(b"\r\n"))
        length = int(fields[b"Content-Length"])
        if len(body) < length:
            return None
        self._received = body[length:]
        message: Message = json.loads(body[:length])
        return message

    def _answer(self, request: Message) -> None:
        # gopls waits for an answer to each request; only its settings need a real one.
        result: object = None
        if request["method"] == "workspace/configuration":
            result = [{} for _ in request["params"]["items"]]
        self._send({"id": request["id"], "result": result})

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            self._to_server.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self._to_server.flush()
        except BrokenPipeError:
            raise SessionEnded(self._server.wait()) from None

    def close(self) -> None:
        """End the server, if it still runs."""
        self._server.kill()
        self._server.wait()
        self._from_server.close()
        try:
            self._to_server.close()
        except BrokenPipeError:
            return
