"""The crash monitor that Go tools start as a second process of the same name and program.

Source: golang.org/x/telemetry/start.go, `parent`.
"""

from collections.abc import Sequence

from ebpftrace.units import MIB

MONITOR_BYTES = 32 * MIB
"""What a crash monitor holds at most: a process that ever held more is none, whatever its
arguments say. That of gopls 0.24 holds 8 MiB, as every small Go program does."""

MONITORS_BYTES = 64 * MIB
"""What those of one job hold together at most, with those of all CI runs in its cgroup, and in
cgroups that its owner makes: while they hold more, none counts as one."""

_ARGUMENT = "** telemetry **"


def is_crash_monitor(args: Sequence[str]) -> bool:
    """Whether these arguments, the program's name first, are a crash monitor's."""
    return tuple(args[1:2]) == (_ARGUMENT,)
