"""The state of a process, as /proc has it."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.support.patience import patient

SECONDS = patient(30.0)


def state(pid: int) -> str:
    """T is stopped, t stopped by its tracer, Z a zombie; "" once it is gone."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        )
    except (FileNotFoundError, ProcessLookupError):
        return ""


def lives(pid: int) -> bool:
    """Whether it exists and is no zombie."""
    return state(pid) not in ("", "Z", "X")


def until(true: Callable[[], object]) -> None:
    """Wait until it is true; AssertionError after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def stops(pid: int, states: str = "T") -> bool:
    """Whether it is in one of these states, by default stopped, within SECONDS."""
    deadline = time.monotonic() + SECONDS
    while state(pid) not in set(states):  # "" is in every string: a process that is gone
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
