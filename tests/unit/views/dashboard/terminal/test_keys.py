import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.views.dashboard.terminal.keys import KeyDecoder

KEYS = {
    b"j": "j", "é".encode(): "é", "表".encode(): "表", b" ": " ", b"\r": "enter",
    b"\x1b[A": "up", b"\x1bOB": "down", b"\x1b[1;5A": "up", b"\x1b[5~": "page up",
    b"\x1b[6;2~": "page down", b"\x1b[H": "home", b"\x1b[4~": "end", b"\x7f": "backspace",
    b"\x15": "ctrl-u",
}  # fmt: skip


@pytest.mark.parametrize(("received", "key"), KEYS.items())
def test_each_key_whole_and_byte_by_byte(received: bytes, key: str) -> None:
    assert KeyDecoder().feed(received) == [key]
    slow = KeyDecoder()
    assert [one for byte in received for one in slow.feed(bytes([byte]))] == [key]
    assert not slow.incomplete


def test_a_lone_escape_is_a_key_once_nothing_followed() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.incomplete
    assert decoder.flush() == ["escape"]
    assert not decoder.incomplete


def test_unknown_sequences_are_ignored_as_a_whole() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b[15~\x1b[<0;3;4M\x1b[[Ax\x1b[M !!y\x01") == ["x", "y"]


def test_an_escape_and_a_letter_are_two_keys() -> None:
    assert KeyDecoder().feed(b"\x1bq") == ["escape", "q"]


@given(st.lists(st.binary(max_size=6), max_size=6))
def test_any_bytes_end_in_keys_and_nothing_kept(parts: list[bytes]) -> None:
    decoder = KeyDecoder()
    keys = [key for part in parts for key in decoder.feed(part)]
    keys += decoder.flush()
    assert not decoder.incomplete
    assert all(keys)
