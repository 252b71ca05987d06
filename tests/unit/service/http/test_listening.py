"""Addresses, and what is refused."""

import pytest

from ebpftrace.errors import ListenError, UsageError
from ebpftrace.service.http.listening import (
    in_words,
    listen,
    parse_address,
    require_protection,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9435", ("127.0.0.1", 9435)),
        ("[::1]:0", ("::1", 0)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
    ],
)
def test_an_address_has_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected
    assert in_words(expected) == text


@pytest.mark.parametrize(
    "text",
    ["", ":", "9435", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "x:²",
     "127.0.0.1:²", "localhost:9435", ":9435", "[::1:9435", "::1:9435", "[127.0.0.1]:1"],
)  # fmt: skip
def test_what_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 127\.0\.0\.1:9435"):
        parse_address(text)


def test_a_port_that_is_taken_is_an_error_of_its_own() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen at 127.0.0.1:{port}") as raised:
            listen("127.0.0.1", port)
    assert raised.value.why == "Address already in use"


def test_beyond_the_loopback_something_must_protect_it() -> None:
    require_protection("127.0.0.2", protected=False)
    require_protection("::1", protected=False)
    require_protection("0.0.0.0", protected=True)
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(UsageError, match="not the loopback"):
            require_protection(host, protected=False)
