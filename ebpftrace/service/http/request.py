"""One request, of which only the head is read: nothing here has a body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_BYTES = 8192
"""The most that the head of a request may have."""

_LINE = re.compile(r"([A-Z]{1,16}) (\S{1,2048}) HTTP/1\.[01]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_MOST_HEADERS = 64


class BadRequestError(Exception):
    """What a client sent is no request that this server understands."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` is without the query; the names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    def header(self, name: str) -> str:
        """Its value; "" without it."""
        return self.headers.get(name, "")

    @property
    def wants_json(self) -> bool:
        """Whether the client asks for JSON and not for text."""
        return "format=json" in self.query.split("&") or (
            "application/json" in self.header("accept")
        )

    @property
    def takes_gzip(self) -> bool:
        """Whether the answer may be compressed."""
        codings = self.header("accept-encoding").lower().split(",")
        parts = [coding.replace(" ", "").partition(";") for coding in codings]
        return any(name == "gzip" and rest != "q=0" for name, _, rest in parts)


def parse(head: bytes) -> HttpRequest:
    """The request whose head ends with an empty line. BadRequestError if it is none."""
    lines = head.decode("latin-1").split("\r\n")
    first = _LINE.fullmatch(lines[0])
    if first is None:
        raise BadRequestError
    named = lines[1 : lines.index("", 1)] if "" in lines[1:] else lines[1:]
    if len(named) > _MOST_HEADERS:
        raise BadRequestError
    headers: dict[str, str] = {}
    for line in named:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise BadRequestError
        headers[found[1].lower()] = found[2]
    path, _, query = first[2].partition("?")
    return HttpRequest(first[1], path, query, headers)
