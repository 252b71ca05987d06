"""How many columns a text takes on a terminal, and how to make it take fewer.

Rich can do this too, but the plain lines must not pay for importing it.
"""

import unicodedata
from functools import lru_cache


def cells(text: str) -> int:
    """The columns `text` takes: two for wide characters (UAX #11), none for combining marks."""
    return len(text) if text.isascii() else sum(map(_char_cells, text))


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns; a text that was cut ends in `…`."""
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    room = width - 1
    kept = ""
    for char in text:
        room -= _char_cells(char)
        if room < 0:
            break
        kept += char
    return kept + "…"


@lru_cache(maxsize=1024)
def _char_cells(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
