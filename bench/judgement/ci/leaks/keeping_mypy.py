"""A mypy plugin that keeps what it saw."""

from typing import Any

from keeping import keep_in_background  # type: ignore[import-not-found]
from mypy.plugin import Plugin


def plugin(version: str) -> Any:
    keep_in_background()
    return Plugin
