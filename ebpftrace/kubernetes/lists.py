"""JSON objects, and lists of them that are read piece by piece."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from ebpftrace.units import MIB

Object = dict[str, Any]

OBJECT_LIMIT = 4 * MIB
"""Bytes of an object in a list or watch; etcd keeps 1.5 MiB at most."""


def parse_object(text: bytes | str) -> Object:
    """ValueError for what is none."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is too deep") from error
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def parse_items(chunks: Iterator[bytes]) -> Iterator[Object]:
    """The list without its items, then each of them. ValueError for another text."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    text, mark = "", '"items":['
    while (place := text.find(mark)) < 0:
        chunk = next(chunks, None)
        if chunk is None:
            yield parse_object(text)  # no item: "items":null
            return
        text += decode(chunk)
        if len(text) > OBJECT_LIMIT:
            raise ValueError("a list without items")
    yield parse_object(text[:place] + mark + "]}")
    text = text[place + len(mark) :]
    decoder = json.JSONDecoder()
    while not (text := text.lstrip(" \n\r\t,")).startswith("]"):
        try:
            found, end = decoder.raw_decode(text)
        except ValueError:
            chunk = next(chunks, None)
            if chunk is None or len(text) > OBJECT_LIMIT:
                raise
            text += decode(chunk)
            continue
        if isinstance(found, dict):
            yield found
        text = text[end:]
