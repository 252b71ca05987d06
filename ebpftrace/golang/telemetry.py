"""The crash monitor that Go tools start as a second process of the same name and program.

Source: golang.org/x/telemetry/start.go, `parent`.
"""

from collections.abc import Sequence

_ARGUMENT = "** telemetry **"


def is_crash_monitor(args: Sequence[str]) -> bool:
    """Whether these arguments, the program's name first, are a crash monitor's."""
    return tuple(args[1:2]) == (_ARGUMENT,)
