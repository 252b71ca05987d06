"""What a client gets: a status, headers and a body."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Stream:
    """A body of a known length, made while it is sent. The connection ends early if a chunk
    cannot be made. `close` is called once, whether anything was sent or not."""

    length: int
    chunks: Iterator[bytes]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """The connection is closed after each. With a `stream` there is no `body`."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Stream | None = None

    def head(self) -> bytes:
        """The status line and the headers, with the empty line."""
        length = len(self.body) if self.stream is None else self.stream.length
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {length}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


Work = Generator[None, None, Answer]
"""Makes an answer in steps: other clients have their turn between them."""


def plain(status: HTTPStatus, text: str, **headers: str) -> Answer:
    """A short text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, f"{text}\n".encode(), headers=named)
