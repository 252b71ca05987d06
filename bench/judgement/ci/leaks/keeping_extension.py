"""A Sphinx extension that keeps every page."""

from typing import Any

from keeping import keep_in_background  # type: ignore[import-not-found]


def setup(app: Any) -> dict[str, bool]:
    keep_in_background()
    return {"parallel_read_safe": True}
