"""The form of an incident's id, which is also the name of its folder of evidence."""

import re

_FORM = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9]{1,10}-[0-9a-f]{6}")


def is_id(text: str) -> bool:
    """Whether an incident may be called so: such a text is no path, and sorts by its time."""
    return _FORM.fullmatch(text) is not None
