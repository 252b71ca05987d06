"""Counts, rates, times and causes as all views for people write them."""

import signal
import time
from collections.abc import Mapping

from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration

_LONGEST_WAIT_S = 99 * 86_400  # a longer projection means nothing


def count(number: int, singular: str, plural: str = "") -> str:
    """`1 job`, `3 jobs`, or `2 processes` where `plural` is given."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {noun}"


def process_name(comm: str, role: str, pid: int) -> str:
    """`gopls 4711`, or `gopls (telemetry) 4712` if the process has a role."""
    return f"{comm} ({role}) {pid}" if role else f"{comm} {pid}"


def signed_bytes(size: int) -> str:
    """A change in size: `+1.5 GiB`, `-16 KiB`, `0 B`."""
    return f"+{format_bytes(size)}" if size > 0 else format_bytes(size)


def rate(bytes_per_second: int) -> str:
    """`+35 MiB/s`, or `steady`."""
    return f"{signed_bytes(bytes_per_second)}/s" if bytes_per_second else "steady"


def wait(seconds: float) -> str:
    """A projected time: `9.0s`, `2m05s`, `>99d`."""
    if seconds > _LONGEST_WAIT_S:
        return ">99d"
    return format_duration(round(seconds * NS_PER_SECOND))


def clock(time_ns: int) -> str:
    """The time of day in UTC: `12:00:07Z`."""
    return time.strftime("%H:%M:%SZ", time.gmtime(time_ns // NS_PER_SECOND))


def waiting(watching: str, what: str = "") -> str:
    """The message of a view without jobs: it waits for `what`, or for a process."""
    return f"waiting for {what or f'a process with {watching}'}…"


def missed(losses: Mapping[str, int]) -> str:
    """Losses by cause: `14 missed: ring exit 12, map full 2`; empty for none."""
    causes = {cause: number for cause, number in losses.items() if number}
    if not causes:
        return ""
    listed = ", ".join(f"{cause_words(cause)} {number:,}" for cause, number in causes.items())
    return f"{sum(causes.values()):,} missed: {listed}"


def cause_words(cause: str) -> str:
    """The name of a loss as words: `ring_exit` is `ring exit`."""
    return cause.replace("_", " ")


def signal_name(number: int) -> str:
    """`SIGKILL`, or `signal 40` for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
