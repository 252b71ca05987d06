"""JSON-RPC 2.0 in LSP's framing over a pair of pipes: one thread reads, any may write."""

import json
import threading
from collections.abc import Callable
from typing import IO, Any

Message = dict[str, Any]


class RemoteError(Exception):
    """The other side answered a request with an error."""


class ConnectionLostError(Exception):
    """The other side closed its pipe."""


class Connection:
    """Requests, notifications, and the other side's own requests, answered as they come.

    `answer(method, params)` gives the result for a request of the other side;
    `hear(method, params)` is called for each notification. Both run on the reading thread,
    inside the lock that `changed` waits on, so that what they store is seen whole.
    """

    def __init__(
        self,
        to_peer: IO[bytes],
        from_peer: IO[bytes],
        answer: Callable[[str, Any], Any],
        hear: Callable[[str, Any], None],
    ) -> None:
        self._to_peer = to_peer
        self._from_peer = from_peer
        self._answer = answer
        self._hear = hear
        self._writing = threading.Lock()
        self.changed = threading.Condition()
        self._results: dict[int, Message] = {}
        self._next_id = 0
        self._lost = False
        self._thread = threading.Thread(target=self._read, name="json-rpc", daemon=True)
        self._thread.start()

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self._send({"method": method, **({} if params is None else {"params": params})})

    def request(self, method: str, params: Any = None, *, timeout: float) -> Any:
        """Send a request and wait for its result.

        RemoteError if it is an error, TimeoutError if it does not come in `timeout`
        seconds, ConnectionLostError if it cannot come any more.
        """
        with self.changed:
            self._next_id += 1
            number = self._next_id
        message = {"id": number, "method": method}
        self._send(message if params is None else {**message, "params": params})
        self.wait(lambda: number in self._results, method, timeout)
        result = self._results.pop(number)
        if "error" in result:
            raise RemoteError(f"{method}: {result['error']}")
        return result["result"]

    def wait(self, happened: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until messages from the other side made `happened` true."""
        with self.changed:
            if not self.changed.wait_for(lambda: happened() or self._lost, timeout):
                raise TimeoutError(f"{what}: nothing in {timeout} s")
            if not happened():
                raise ConnectionLostError(f"{what}: the server closed the connection")

    def join(self) -> None:
        """Wait for the reading thread once the other side ended."""
        self._thread.join()

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._writing:
            self._to_peer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            self._to_peer.flush()

    def _read(self) -> None:
        while (message := self._receive()) is not None:
            with self.changed:
                self._take(message)
                self.changed.notify_all()
        with self.changed:
            self._lost = True
            self.changed.notify_all()

    def _take(self, message: Message) -> None:
        method, number = message.get("method"), message.get("id")
        if method is None:
            assert number is not None, f"neither a method nor an id: {message}"
            self._results[number] = message
        elif number is None:
            self._hear(method, message.get("params"))
        else:
            self._send({"id": number, "result": self._answer(method, message.get("params"))})

    def _receive(self) -> Message | None:
        length = 0
        while (line := self._from_peer.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self._from_peer.read(length) if line else b""
        if not line or len(body) < length:
            return None
        message: Message = json.loads(body)
        return message
